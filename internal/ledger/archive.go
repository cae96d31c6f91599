package ledger

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// LayoutDay is the only layout: one partition per class and UTC day.
const LayoutDay = "day"

// Archive says what an archive is. It is written once, when the archive is made,
// and never changes: tables and readers depend on it for years.
type Archive struct {
	Version int       `json:"version"`
	ID      uuid.UUID `json:"id"`
	Created time.Time `json:"created"` // whole seconds, UTC
	Floor   time.Time `json:"floor"`   // no event is older; whole seconds, UTC
	Layout  string    `json:"layout"`  // LayoutDay
	Default string    `json:"default"` // the class of events that no rule names
	Classes []Class   `json:"classes"` // in order of their names
	Root    string    `json:"root"`    // verifier key of the root key, as information: trust yours
}

// Class is a retention class.
type Class struct {
	Name string `json:"name"` // [a-z][a-z0-9-]{0,31}
	Days int64  `json:"days"` // how long objects are locked, from sealing
}

// maxClasses bounds the enumeration in the table's definition; maxDays is what
// S3 accepts as a retention period.
const (
	maxClasses = 64
	maxDays    = 36500
)

// Class returns the class of that name.
func (a Archive) Class(name string) (Class, bool) {
	for _, c := range a.Classes {
		if c.Name == name {
			return c, true
		}
	}
	return Class{}, false
}

// SignArchive returns the bytes of the archive object. The signer is the root
// key, and its name is RootName(a.ID). Version, Layout and Root are filled in.
func SignArchive(a Archive, root Signer) ([]byte, error) {
	a.Version, a.Layout, a.Root = formatVersion, LayoutDay, root.VKey()
	a.Created, a.Floor = a.Created.UTC(), a.Floor.UTC()
	signed, err := sealDocument(magicArchive, a, root)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if _, err := ParseArchive(signed, root.VKey()); err != nil {
		return nil, err
	}
	return signed, nil
}

// ParseArchive checks an archive object against the root verifier key, which
// comes from the caller's own configuration and never from the bucket.
func ParseArchive(signed []byte, rootVKey string) (Archive, error) {
	id, err := ParseRootName(rootVKey)
	if err != nil {
		return Archive{}, fmt.Errorf("archive: %w", err)
	}
	var a Archive
	if err := unsealDocument(magicArchive, signed, rootVKey, &a); err != nil {
		return Archive{}, fmt.Errorf("archive: %w", err)
	}
	if err := a.check(id, rootVKey); err != nil {
		return Archive{}, fmt.Errorf("archive: %w", err)
	}
	return a, nil
}

// ClaimedRoot returns the root verifier key that an archive object says it was signed
// by. Nothing is checked: it is a claim, to be compared with what one knows.
func ClaimedRoot(signed []byte) (vkey string, err error) {
	_, rest, _ := strings.Cut(string(signed), "\n")
	line, _, _ := strings.Cut(rest, "\n")
	var a Archive
	if err := json.Unmarshal([]byte(line), &a); err != nil || a.Root == "" {
		return "", errors.New("archive: names no root key")
	}
	return a.Root, nil
}

func (a Archive) check(id uuid.UUID, rootVKey string) error {
	switch {
	case a.Version != formatVersion:
		return fmt.Errorf("version is %d, want %d", a.Version, formatVersion)
	case a.ID != id:
		return fmt.Errorf("id is %s, the root key is for %s", a.ID, id)
	case a.Layout != LayoutDay:
		return fmt.Errorf("layout %q is not known", clip(a.Layout))
	case a.Root != rootVKey:
		return errors.New("root is not the key that signed it")
	case len(a.Classes) == 0 || len(a.Classes) > maxClasses:
		return fmt.Errorf("%d classes, want 1 to %d", len(a.Classes), maxClasses)
	}
	if err := checkTime(a.Created, time.Second); err != nil {
		return fmt.Errorf("created %w", err)
	}
	if err := checkTime(a.Floor, time.Second); err != nil {
		return fmt.Errorf("floor %w", err)
	}
	for i, c := range a.Classes {
		switch {
		case !validClass(c.Name):
			return fmt.Errorf("class %q: name is not [a-z][a-z0-9-]{0,31}", clip(c.Name))
		case i > 0 && c.Name <= a.Classes[i-1].Name:
			return fmt.Errorf("class %q: not in order of names", c.Name)
		case c.Days < 1 || c.Days > maxDays:
			return fmt.Errorf("class %q: %d days, want 1 to %d", c.Name, c.Days, maxDays)
		}
	}
	if _, ok := a.Class(a.Default); !ok {
		return fmt.Errorf("default %q is not a class", clip(a.Default))
	}
	return nil
}

// A stream's life and how long its ledger is locked beyond that.
const (
	day = 24 * time.Hour
	// StreamLife is the longest a stream may be written to.
	StreamLife = 366 * day
	// ledgerMargin covers the time between sealing and uploading.
	ledgerMargin = 30 * day
	// BeyondDays is how much longer than the longest class a ledger object is locked
	// at most, in days.
	BeyondDays = int((StreamLife + ledgerMargin) / day)
)

// RetainUntil is the date until which all ledger objects of a stream that was
// opened then are locked: its last file of the longest class may be sealed when
// its life ends, and no proof may die before its data.
func (a Archive) RetainUntil(opened time.Time) time.Time {
	longest := int64(0)
	for _, c := range a.Classes {
		longest = max(longest, c.Days)
	}
	return opened.Add(StreamLife + time.Duration(longest)*day + ledgerMargin)
}

// Open is a stream's certificate: the root key says that this key may write
// this stream of this archive.
type Open struct {
	Version     int       `json:"version"`
	Archive     uuid.UUID `json:"archive"`
	Stream      uuid.UUID `json:"stream"`
	VKey        string    `json:"key"`               // named StreamName(Archive, Stream)
	Previous    uuid.UUID `json:"previous,omitzero"` // the stream that this one continues; Nil: none is known
	OpenedAt    time.Time `json:"opened_at"`         // whole seconds, UTC
	RetainUntil time.Time `json:"retain_until"`      // of every ledger object of the stream; whole seconds, UTC
}

// SignOpen returns the bytes of a stream's open object. Version is filled in.
func SignOpen(o Open, root Signer) ([]byte, error) {
	o.Version, o.OpenedAt, o.RetainUntil = formatVersion, o.OpenedAt.UTC(), o.RetainUntil.UTC()
	signed, err := sealDocument(magicOpen, o, root)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	if _, err := ParseOpen(signed, root.VKey()); err != nil {
		return nil, err
	}
	return signed, nil
}

// ParseOpen checks an open object against the root verifier key, which comes
// from the caller's own configuration and never from the bucket.
func ParseOpen(signed []byte, rootVKey string) (Open, error) {
	id, err := ParseRootName(rootVKey)
	if err != nil {
		return Open{}, fmt.Errorf("open: %w", err)
	}
	var o Open
	if err := unsealDocument(magicOpen, signed, rootVKey, &o); err != nil {
		return Open{}, fmt.Errorf("open: %w", err)
	}
	if err := o.check(id); err != nil {
		return Open{}, fmt.Errorf("open: %w", err)
	}
	return o, nil
}

func (o Open) check(archive uuid.UUID) error {
	switch {
	case o.Version != formatVersion:
		return fmt.Errorf("version is %d, want %d", o.Version, formatVersion)
	case o.Archive != archive:
		return fmt.Errorf("archive is %s, the root key is for %s", o.Archive, archive)
	case o.Stream == uuid.Nil:
		return errors.New("stream is missing")
	case o.Previous == o.Stream:
		return errors.New("previous is the stream itself")
	}
	v, err := parseVKey(o.VKey)
	if err != nil {
		return err
	}
	if want := StreamName(o.Archive, o.Stream); v.Name() != want {
		return fmt.Errorf("key is named %q, want %q", clip(v.Name()), want)
	}
	if err := checkTime(o.OpenedAt, time.Second); err != nil {
		return fmt.Errorf("opened_at %w", err)
	}
	if err := checkTime(o.RetainUntil, time.Second); err != nil {
		return fmt.Errorf("retain_until %w", err)
	}
	if o.RetainUntil.Before(o.OpenedAt.Add(StreamLife)) {
		return errors.New("retain_until is before the stream's life ends")
	}
	return nil
}
