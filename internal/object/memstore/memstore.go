// Package memstore is a WORM bucket in memory that polices its callers.
//
// It passes the same suite as the real stores, and is harder on its users: a Put
// that no archive should ever attempt (no retention date, one in the past, a
// fraction of a second, no checksum) fails the test at once, even if the caller
// ignores the error. Faults are scripted, and the attacks that Object Lock does not
// prevent are methods.
package memstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
)

// ErrLost is the error of a call whose request or answer was lost.
var ErrLost = errors.New("connection lost")

// Call is a call that is about to happen.
type Call struct {
	Op  string // put, head, get, versions or extend
	N   int    // the how-manieth of its Op, from 1
	Key string // or prefix
}

// Fault says how a call goes wrong.
type Fault struct {
	Err error // what the caller gets
	// Persist: a Put is carried out nevertheless; only its answer is lost.
	Persist bool
}

// Store is the bucket.
type Store struct {
	t   testing.TB
	now func() time.Time

	mu        sync.Mutex
	intercept func(Call) *Fault
	calls     map[string]int
	versions  map[string][]version // by key, oldest first
	serial    int                  // of the last version id
}

type version struct {
	object.Info
	body []byte
}

var (
	_ object.Store    = (*Store)(nil)
	_ object.Extender = (*Store)(nil)
)

// New makes an empty bucket. now is its clock, nil the real one.
func New(t testing.TB, now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{t: t, now: now, calls: map[string]int{}, versions: map[string][]version{}}
}

// Intercept sets the script of faults: it is asked before each call, and nil means
// that the call goes well. It runs under the lock of the Store.
func (s *Store) Intercept(script func(Call) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = script
}

// LoseRequest makes the n-th Put from now on fail with nothing stored. It replaces
// the script.
func (s *Store) LoseRequest(n int) { s.FailPut(n, Fault{Err: ErrLost}) }

// LoseAnswer makes the n-th Put from now on fail although the object is stored. It
// replaces the script.
func (s *Store) LoseAnswer(n int) { s.FailPut(n, Fault{Err: ErrLost, Persist: true}) }

// FailPut makes the n-th Put from now on fail. It replaces the script.
func (s *Store) FailPut(n int, fault Fault) {
	s.mu.Lock()
	at := s.calls["put"] + n
	s.mu.Unlock()
	s.Intercept(func(c Call) *Fault {
		if c.Op == "put" && c.N == at {
			return &fault
		}
		return nil
	})
}

// Calls is how often an operation was called.
func (s *Store) Calls(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// begin counts a call and asks the script. The caller holds mu.
func (s *Store) begin(ctx context.Context, op, key string) (*Fault, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s %s: %w", op, key, context.Cause(ctx))
	}
	s.calls[op]++
	if s.intercept == nil {
		return nil, nil
	}
	fault := s.intercept(Call{Op: op, N: s.calls[op], Key: key})
	if fault == nil {
		return nil, nil
	}
	return fault, fmt.Errorf("%s %s: %w", op, key, fault.Err)
}

// Put implements object.Store.
func (s *Store) Put(ctx context.Context, p object.Put) (string, error) {
	s.police(p)
	var body []byte
	if p.Body != nil {
		body = make([]byte, p.Size)
		if _, err := io.ReadFull(io.NewSectionReader(p.Body, 0, p.Size), body); err != nil {
			return "", fmt.Errorf("put %s: read body: %w", p.Key, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fault, err := s.begin(ctx, "put", p.Key)
	if err != nil && (fault == nil || !fault.Persist) {
		return "", err
	}
	if sha256.Sum256(body) != p.SHA256 {
		return "", errors.Join(err, fmt.Errorf("put %s: content does not match its SHA-256", p.Key))
	}
	if old, ok := s.current(p.Key); ok && !old.DeleteMarker {
		return "", errors.Join(err, fmt.Errorf("put %s: %w", p.Key, object.ErrExists))
	}
	id := s.add(p.Key, version{body: body, Info: object.Info{
		Size: p.Size, SHA256: p.SHA256, Mode: object.Compliance, RetainUntil: p.RetainUntil.UTC(),
	}})
	if err != nil {
		return "", err
	}
	return id, nil
}

// police fails the test for what must never be attempted.
func (s *Store) police(p object.Put) {
	s.t.Helper()
	if p.Key == "" || p.Body == nil || p.ContentType == "" || p.SHA256 == [sha256.Size]byte{} {
		s.t.Errorf("put %q: key, body, content type and SHA-256 are required", p.Key)
	}
	switch until := p.RetainUntil; {
	case until.IsZero():
		s.t.Errorf("put %s: no retention date", p.Key)
	case !until.After(s.now()):
		s.t.Errorf("put %s: retention date %v is not in the future", p.Key, until)
	case !until.Equal(until.Truncate(time.Second)):
		s.t.Errorf("put %s: retention date %v has a fraction of a second", p.Key, until)
	}
}

// Head implements object.Store.
func (s *Store) Head(ctx context.Context, key, versionID string) (object.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.begin(ctx, "head", key); err != nil {
		return object.Info{}, err
	}
	v, err := s.find(key, versionID)
	if err != nil {
		return object.Info{}, fmt.Errorf("head %s: %w", key, err)
	}
	return v.Info, nil
}

// Get implements object.Store.
func (s *Store) Get(ctx context.Context, key, versionID string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.begin(ctx, "get", key); err != nil {
		return nil, err
	}
	v, err := s.find(key, versionID)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	return io.NopCloser(bytes.NewReader(v.body)), nil
}

// Extend implements object.Extender.
func (s *Store) Extend(ctx context.Context, key, versionID string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.begin(ctx, "extend", key); err != nil {
		return err
	}
	i := s.index(key, versionID)
	if i < 0 || s.versions[key][i].DeleteMarker {
		return fmt.Errorf("extend %s: %w", key, object.ErrNotFound)
	}
	v := &s.versions[key][i]
	if v.RetainUntil.After(until) {
		return fmt.Errorf("extend %s: locked until %v already", key, v.RetainUntil)
	}
	v.Mode, v.RetainUntil = object.Compliance, until.UTC()
	return nil
}

// Versions implements object.Store.
func (s *Store) Versions(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	return func(yield func(object.Info, error) bool) {
		infos, err := s.list(ctx, prefix)
		for _, info := range infos {
			if !yield(info, nil) {
				return
			}
		}
		if err != nil {
			yield(object.Info{}, err)
		}
	}
}

func (s *Store) list(ctx context.Context, prefix string) ([]object.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.begin(ctx, "versions", prefix); err != nil {
		return nil, err
	}
	var keys []string
	for key := range s.versions {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var infos []object.Info
	for _, key := range keys {
		all := s.versions[key]
		for i := len(all) - 1; i >= 0; i-- {
			// What a listing does not tell stays out of it, so that nobody relies on it.
			infos = append(infos, object.Info{
				Key: key, VersionID: all[i].VersionID, Size: all[i].Size, IsLatest: i == len(all)-1,
				DeleteMarker: all[i].DeleteMarker, LastModified: all[i].LastModified,
			})
		}
	}
	return infos, nil
}

// find is a version that is not a delete marker. The caller holds mu.
func (s *Store) find(key, versionID string) (version, error) {
	v, ok := s.current(key)
	if versionID != "" {
		i := s.index(key, versionID)
		if ok = i >= 0; ok {
			v = s.versions[key][i]
		}
	}
	if !ok || v.DeleteMarker {
		return version{}, object.ErrNotFound
	}
	return v, nil
}

func (s *Store) current(key string) (version, bool) {
	all := s.versions[key]
	if len(all) == 0 {
		return version{}, false
	}
	return all[len(all)-1], true
}

func (s *Store) index(key, versionID string) int {
	return slices.IndexFunc(s.versions[key], func(v version) bool { return v.VersionID == versionID })
}

// add makes v the current version of key. The caller holds mu.
func (s *Store) add(key string, v version) (versionID string) {
	s.serial++
	v.Key, v.VersionID, v.LastModified = key, fmt.Sprintf("v%06d", s.serial), s.now().UTC()
	s.versions[key] = append(s.versions[key], v)
	return v.VersionID
}
