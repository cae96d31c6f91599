package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bytedance/sonic"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	goccy "github.com/goccy/go-json"
	"github.com/minio/simdjson-go"

	"github.com/audit-archiver/archiver/internal/event"
)

// decoder reads one event and refuses what it can be made to refuse by its options.
type decoder struct {
	name, how string
	decode    func(raw []byte, now time.Time) (event.Event, error)
}

func decoders() ([]decoder, error) {
	list := []decoder{
		{"ours", "fast, and the strict one where that gives up", ours()},
		{"ours, strict", "jsontext token by token, our field table", oursStrict()},
		{"encoding/json", "Decoder, DisallowUnknownFields, RawMessage", standard},
		{"go-json-experiment/json", "Unmarshal, RejectUnknownMembers, jsontext.Value", experiment},
		{"goccy/go-json", "Decoder, DisallowUnknownFields, RawMessage", goccyJSON},
		{"bytedance/sonic", "DisallowUnknownFields, ValidateString, CaseSensitive, UseInt64", sonicJSON()},
		{"sonic, checked", "the same after jsontext.Value.IsValid has looked for what it lets pass", sonicChecked()},
	}
	if simdjson.SupportedCPU() {
		list = append(list, decoder{"minio/simdjson-go", "Parse, our field table over the tape; details written anew", simd()})
	}
	return list, nil
}

func ours() func([]byte, time.Time) (event.Event, error) {
	d := event.NewDecoder(event.DefaultLimits())
	return func(raw []byte, now time.Time) (event.Event, error) {
		e, errs := d.Decode(raw, now)
		if errs != nil {
			return e, fmt.Errorf("%v", errs)
		}
		return e, nil
	}
}

// oursStrict makes the fast decoder give up at the first name, which gets an escape.
func oursStrict() func([]byte, time.Time) (event.Event, error) {
	d := event.NewDecoder(event.DefaultLimits())
	var buf []byte
	return func(raw []byte, now time.Time) (event.Event, error) {
		if rest, ok := bytes.CutPrefix(raw, []byte(`{"id"`)); ok {
			buf = append(append(buf[:0], `{"\u0069d"`...), rest...)
			raw = buf
		}
		e, errs := d.Decode(raw, now)
		if errs != nil {
			return e, fmt.Errorf("%v", errs)
		}
		return e, nil
	}
}

func standard(raw []byte, now time.Time) (event.Event, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var w wire[json.RawMessage]
	if err := d.Decode(&w); err != nil {
		return event.Event{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return event.Event{}, errors.New("more than one value")
	}
	return toEvent(&w, now)
}

func experiment(raw []byte, now time.Time) (event.Event, error) {
	var w wire[jsontext.Value]
	if err := jsonv2.Unmarshal(raw, &w, jsonv2.RejectUnknownMembers(true)); err != nil {
		return event.Event{}, err
	}
	return toEvent(&w, now)
}

func goccyJSON(raw []byte, now time.Time) (event.Event, error) {
	d := goccy.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var w wire[goccy.RawMessage]
	if err := d.Decode(&w); err != nil {
		return event.Event{}, err
	}
	if d.More() {
		return event.Event{}, errors.New("more than one value")
	}
	return toEvent(&w, now)
}

func sonicJSON() func([]byte, time.Time) (event.Event, error) {
	api := sonic.Config{DisallowUnknownFields: true, ValidateString: true, CaseSensitive: true, UseInt64: true}.Froze()
	return func(raw []byte, now time.Time) (event.Event, error) {
		var w wire[json.RawMessage]
		if err := api.Unmarshal(raw, &w); err != nil {
			return event.Event{}, err
		}
		return toEvent(&w, now)
	}
}

// sonicChecked makes two passes: names that come twice and invalid UTF-8 are found by the first.
func sonicChecked() func([]byte, time.Time) (event.Event, error) {
	decode := sonicJSON()
	return func(raw []byte, now time.Time) (event.Event, error) {
		if !jsontext.Value(raw).IsValid() {
			return event.Event{}, errors.New("not valid")
		}
		return decode(raw, now)
	}
}

// simd walks the tape that the parser makes. The tape does not say where in the text a value was, so details cannot
// be kept as they are: they are written anew.
func simd() func([]byte, time.Time) (event.Event, error) {
	var parsed *simdjson.ParsedJson
	return func(raw []byte, now time.Time) (event.Event, error) {
		var err error
		if parsed, err = simdjson.Parse(raw, parsed); err != nil {
			return event.Event{}, err
		}
		var w wire[[]byte]
		count := 0
		err = parsed.ForEach(func(i simdjson.Iter) error {
			count++
			return simdObject(&i, "", &w)
		})
		if err == nil && count != 1 {
			err = errors.New("more than one value")
		}
		if err != nil {
			return event.Event{}, err
		}
		return toEvent(&w, now)
	}
}

func simdObject(i *simdjson.Iter, path string, w *wire[[]byte]) error {
	obj, err := i.Object(nil)
	if err != nil {
		return err
	}
	var v simdjson.Iter
	for {
		name, kind, err := obj.NextElementBytes(&v)
		if err != nil || kind == simdjson.TypeNone {
			return err
		}
		if err := simdMember(&v, kind, path+string(name), w); err != nil {
			return err
		}
	}
}

func simdMember(v *simdjson.Iter, kind simdjson.Type, path string, w *wire[[]byte]) (err error) {
	optional := func(dst **string) error {
		if kind == simdjson.TypeNull {
			return nil
		}
		s, err := v.String()
		s = strings.Clone(s)
		*dst = &s
		return err
	}
	required := func(dst *string) error {
		s, err := v.String()
		*dst = strings.Clone(s)
		return err
	}
	switch path {
	case "id":
		return optional(&w.ID)
	case "timestamp":
		return optional(&w.Timestamp)
	case "action":
		return required(&w.Action)
	case "actor":
		return simdObject(v, "actor.", w)
	case "actor.id":
		return required(&w.Actor.ID)
	case "actor.type":
		return required(&w.Actor.Type)
	case "actor.email":
		return optional(&w.Actor.Email)
	case "resource":
		return simdObject(v, "resource.", w)
	case "resource.type":
		return required(&w.Resource.Type)
	case "resource.id":
		return optional(&w.Resource.ID)
	case "outcome":
		return required(&w.Outcome)
	case "reason":
		return optional(&w.Reason)
	case "details":
		w.Details, err = v.MarshalJSON()
		return err
	case "request_id":
		return optional(&w.RequestID)
	case "ip":
		return optional(&w.IP)
	case "user_agent":
		return optional(&w.UserAgent)
	case "organization_id":
		return optional(&w.OrganizationID)
	}
	return fmt.Errorf("%s: unknown", path)
}
