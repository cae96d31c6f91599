package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// DeadLetterName is the file, in the folder of all spools, of the events that
// can never be delivered.
const DeadLetterName = "dead-letter.ndjson"

// The reasons of dead letters.
const (
	ReasonRejected = "rejected" // the sidecar refuses the event
	ReasonConflict = "conflict" // another event with this id is stored
	ReasonDamaged  = "damaged"  // the line's checksum is wrong
)

// DeadLetter is one line of the file.
type DeadLetter struct {
	At     time.Time       `json:"at"`
	Reason string          `json:"reason"`
	Status int             `json:"status,omitempty"` // HTTP status of the refusal
	Errors []FieldError    `json:"errors,omitempty"`
	Event  json.RawMessage `json:"event"` // null when the line is damaged

	// Line is the damaged line as it was found; base64 in the file.
	Line []byte `json:"line,omitempty"`
}

// FieldError says what the sidecar found wrong with an event.
type FieldError struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Bury appends dead letters to the file and returns once they are durable.
//
// Processes share the file: each writes its letters with one call, at the end.
// If we die during the write, the last line has no line feed; the next writer
// begins a new one.
func Bury(spools string, letters []DeadLetter) (err error) {
	name := filepath.Join(spools, DeadLetterName)
	defer func() {
		if err != nil {
			err = fmt.Errorf("append to %s: %w", name, err)
		}
	}()
	f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if size := info.Size(); size > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			b.WriteByte('\n')
		}
	}
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, l := range letters {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return syncDir(spools)
}
