package memstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
)

func TestContract(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) (object.Store, objecttest.Attack) {
		s := New(t, nil)
		return s, attacker{s}
	})
}

var errLocked = errors.New("locked")

// attacker goes through the rules of Object Lock, unlike the methods of Store.
type attacker struct{ s *Store }

func (a attacker) PutUnlocked(_ context.Context, key string, body []byte) (string, error) {
	return a.s.PutForged(key, body), nil
}

func (a attacker) Hide(_ context.Context, key string) error {
	a.s.Hide(key)
	return nil
}

func (a attacker) DeleteVersion(ctx context.Context, key, versionID string, bypass bool) error {
	mode, until, err := a.Lock(ctx, key, versionID)
	if err != nil {
		return err
	}
	if until.After(a.s.now()) && (mode == object.Compliance || !bypass) {
		return errLocked
	}
	a.s.DeleteVersion(key, versionID)
	return nil
}

func (a attacker) Relock(ctx context.Context, key, versionID string, mode object.Mode, until time.Time, bypass bool) error {
	oldMode, oldUntil, err := a.Lock(ctx, key, versionID)
	if err != nil {
		return err
	}
	weaker := mode != oldMode || until.Before(oldUntil)
	if weaker && oldUntil.After(a.s.now()) && (oldMode == object.Compliance || !bypass) {
		return errLocked
	}
	a.s.SetLock(key, versionID, mode, until)
	return nil
}

func (a attacker) Lock(_ context.Context, key, versionID string) (object.Mode, time.Time, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	v, err := a.s.find(key, versionID)
	return v.Mode, v.RetainUntil, err
}

// recorder notes whether a test would have failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestPolice(t *testing.T) {
	now := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		spoil  func(*object.Put)
		failed bool
	}{
		{"a proper put", func(*object.Put) {}, false},
		{"no retention date", func(p *object.Put) { p.RetainUntil = time.Time{} }, true},
		{"a date that is now", func(p *object.Put) { p.RetainUntil = now }, true},
		{"a fraction of a second", func(p *object.Put) { p.RetainUntil = p.RetainUntil.Add(time.Millisecond) }, true},
		{"no key", func(p *object.Put) { p.Key = "" }, true},
		{"no content type", func(p *object.Put) { p.ContentType = "" }, true},
		{"no checksum", func(p *object.Put) { p.SHA256 = [32]byte{} }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &recorder{TB: t}
			s := New(r, func() time.Time { return now })
			p := objecttest.NewPut("k", []byte("x"))
			p.RetainUntil = now.Add(time.Second)
			test.spoil(&p)
			if _, err := s.Put(t.Context(), p); err != nil && !test.failed {
				t.Error(err)
			}
			if r.failed != test.failed {
				t.Errorf("failed the test: %v, want %v", r.failed, test.failed)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	s := New(t, nil)
	put := func(key string) error {
		_, err := s.Put(t.Context(), objecttest.NewPut(key, []byte(key)))
		return err
	}
	s.LoseRequest(2)
	if err := put("a"); err != nil {
		t.Fatal(err)
	}
	if err := put("b"); !errors.Is(err, ErrLost) {
		t.Fatalf("second put: %v, want %v", err, ErrLost)
	}
	if err := put("b"); err != nil {
		t.Fatalf("a lost request left something: %v", err)
	}
	s.LoseAnswer(1)
	if err := put("c"); !errors.Is(err, ErrLost) {
		t.Fatalf("put: %v, want %v", err, ErrLost)
	}
	if err := put("c"); !errors.Is(err, object.ErrExists) {
		t.Fatalf("put after a lost answer: %v, want %v", err, object.ErrExists)
	}
	broken := errors.New("503")
	s.Intercept(func(c Call) *Fault {
		if c.Op == "head" && c.Key == "a" {
			return &Fault{Err: broken}
		}
		return nil
	})
	if _, err := s.Head(t.Context(), "a", ""); !errors.Is(err, broken) {
		t.Errorf("head: %v, want %v", err, broken)
	}
	if got := s.Calls("put"); got != 5 {
		t.Errorf("%d puts, want 5", got)
	}
}
