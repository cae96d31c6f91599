package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// schema is one node of the event's JSON Schema, as far as types are made of it.
// A keyword that is not listed here is an error: whoever adds it decides what the
// SDKs are to make of it.
type schema struct {
	Schema      string   `json:"$schema"`
	ID          string   `json:"$id"`
	Comment     string   `json:"$comment"`
	Title       string   `json:"title"`
	Type        types    `json:"type"`
	Description string   `json:"description"`
	Closed      *bool    `json:"additionalProperties"`
	Required    []string `json:"required"`
	Properties  fields   `json:"properties"`
	Enum        []string `json:"enum"`
	BytesMax    int      `json:"x-max-bytes"`
	DepthMax    int      `json:"x-max-depth"`
	FromContext bool     `json:"x-from-context"`

	// Checked by hand-written code in each language.
	MinLength int              `json:"minLength"`
	MaxLength int              `json:"maxLength"`
	Pattern   string           `json:"pattern"`
	Format    string           `json:"format"`
	AnyOf     []map[string]any `json:"anyOf"`
}

// types is a name or a list of names.
type types []string

func (t *types) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = types{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(raw, &many); err != nil {
		return err
	}
	*t = many
	return nil
}

// fields are properties in the order in which they are written.
type fields []field

type field struct {
	name     string
	required bool
	schema
}

func (f *fields) UnmarshalJSON(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("properties are no object: %v, %w", t, err)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string) // a name, since it is the turn of one
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		one := field{name: name}
		if err := strict(value, &one.schema); err != nil {
			return fmt.Errorf("property %s: %w", name, err)
		}
		*f = append(*f, one)
	}
	return nil
}

func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// is reports whether a value of the type is allowed, null aside.
func (s *schema) is(kind string) bool { return slices.Contains(s.Type, kind) }

// readSchema reads the schema of the event.
func readSchema(name string) (*schema, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err // it names the file
	}
	var root schema
	if err := strict(raw, &root); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if err := root.settle(""); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return &root, nil
}

// settle marks what is required, and refuses what no type can be made of.
func (s *schema) settle(path string) error {
	if s.Title == "" {
		return fmt.Errorf("%q: an object needs a title, which names its type", path)
	}
	var problems []error
	for i := range s.Properties {
		f := &s.Properties[i]
		f.required = slices.Contains(s.Required, f.name)
		at := strings.TrimPrefix(path+"."+f.name, ".")
		switch {
		case f.Description == "":
			problems = append(problems, fmt.Errorf("%s: no description", at))
		case f.required == slices.Contains(f.Type, "null"):
			problems = append(problems, fmt.Errorf("%s: null is for fields that may be absent, and for all of them", at))
		case f.is("object") && f.Properties != nil:
			problems = append(problems, f.settle(at))
		case f.Enum != nil && f.Title == "":
			problems = append(problems, fmt.Errorf("%s: values need a title, which names their type", at))
		case !f.is("object") && !f.is("string"):
			problems = append(problems, fmt.Errorf("%s: type %v", at, f.Type))
		}
	}
	return errors.Join(problems...)
}

// objects lists the types of the schema, inner ones first.
func (s *schema) objects() []*schema {
	var all []*schema
	for i := range s.Properties {
		if f := &s.Properties[i]; f.Properties != nil {
			all = append(all, f.objects()...)
		}
	}
	return append(all, s)
}

// enums lists the fields with named values.
func (s *schema) enums() []*field {
	var all []*field
	for _, o := range s.objects() {
		for i := range o.Properties {
			if f := &o.Properties[i]; f.Enum != nil {
				all = append(all, f)
			}
		}
	}
	return all
}

// limit is the most bytes of one string.
type limit struct {
	path string // such as actor.id
	max  int    // bytes of UTF-8
}

// limits lists the strings that have one, in the order of the schema.
func (s *schema) limits(parent string) []limit {
	var all []limit
	for i := range s.Properties {
		f := &s.Properties[i]
		switch {
		case f.Properties != nil:
			all = append(all, f.limits(parent+f.name+".")...)
		case f.is("string") && f.BytesMax > 0:
			all = append(all, limit{parent + f.name, f.BytesMax})
		}
	}
	return all
}

// find returns a property that is known to be there.
func (s *schema) find(name string) (*field, error) {
	for i := range s.Properties {
		if s.Properties[i].name == name {
			return &s.Properties[i], nil
		}
	}
	return nil, fmt.Errorf("there is no property %s", name)
}
