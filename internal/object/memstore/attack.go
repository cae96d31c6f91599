package memstore

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
)

// PutForged writes a new version without a lock, on top of what is there: Object
// Lock does not prevent it.
func (s *Store) PutForged(key string, body []byte) (versionID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(key, version{body: bytes.Clone(body), Info: object.Info{
		Size: int64(len(body)), SHA256: sha256.Sum256(body),
	}})
}

// Hide covers key with a delete marker: Object Lock does not prevent it.
func (s *Store) Hide(key string) (versionID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(key, version{Info: object.Info{DeleteMarker: true}})
}

// DeleteVersion removes a version although it is locked: what happens when a store
// does not do what it says, or its disks are lost. It fails the test when there is
// no such version.
func (s *Store) DeleteVersion(key, versionID string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(key, versionID)
	if i < 0 {
		s.t.Fatalf("delete version %s of %s: there is none", versionID, key)
	}
	s.versions[key] = slices.Delete(s.versions[key], i, i+1)
	if len(s.versions[key]) == 0 {
		delete(s.versions, key)
	}
}

// Rot makes the store give other bytes for a version than it took, as a bad disk
// does. What Head tells stays. It fails the test when there is no such version.
func (s *Store) Rot(key, versionID string, body []byte) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(key, versionID)
	if i < 0 {
		s.t.Fatalf("rot version %s of %s: there is none", versionID, key)
	}
	s.versions[key][i].body = bytes.Clone(body)
}

// SetLock changes the lock of a version at will: a store that does not do what it
// says. It fails the test when there is no such version.
func (s *Store) SetLock(key, versionID string, mode object.Mode, until time.Time) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(key, versionID)
	if i < 0 {
		s.t.Fatalf("set lock of version %s of %s: there is none", versionID, key)
	}
	v := &s.versions[key][i]
	v.Mode, v.RetainUntil = mode, until.UTC()
}

// Keys lists the keys that have versions, hidden ones included, in order.
func (s *Store) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for key := range s.versions {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
