package doctor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/doctor"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/s3store"
)

type (
	ctx = context.Context
	seq = iter.Seq2[object.Info, error]
)

// liar is a real store; each type below adds one lie.
type liar struct {
	s3store.Prober
	*seen
}

// seen is what a liar remembers.
type seen struct {
	gone bool // what is locked was "deleted" or overwritten
	mode object.Mode
	till time.Time
}

func (l liar) Head(c ctx, key, version string) (object.Info, error) {
	if l.gone {
		return object.Info{}, object.ErrNotFound
	}
	info, err := l.Prober.Head(c, key, version)
	if l.mode != "" {
		info.Mode, info.RetainUntil = l.mode, l.till
	}
	return info, err
}

type ignoresCondition struct{ liar }

func (s ignoresCondition) Try(c ctx, a s3store.Attempt) (string, error) {
	a.IfNoneMatch = false
	return s.liar.Try(c, a)
}

type ignoresChecksum struct{ liar }

func (s ignoresChecksum) Try(c ctx, a s3store.Attempt) (string, error) {
	a.SHA256 = [32]byte{}
	return s.liar.Try(c, a)
}

type ignoresLock struct{ liar }

func (s ignoresLock) Try(c ctx, a s3store.Attempt) (string, error) {
	a.Mode = ""
	return s.liar.Try(c, a)
}

type overwrites struct{ liar }

func (s overwrites) Try(c ctx, a s3store.Attempt) (string, error) {
	version, err := s.liar.Try(c, a)
	s.gone = s.gone || err == nil && bytes.HasPrefix(a.Body, []byte("over it"))
	return version, err
}

type bypasses struct{ liar }

func (s bypasses) Delete(c ctx, key, version string, bypass bool) (string, error) {
	if bypass {
		s.gone = true
		return "", nil
	}
	return s.liar.Delete(c, key, version, bypass)
}

// relocks takes one kind of change.
type relocks struct {
	liar
	takes object.Mode
}

func (s relocks) Relock(c ctx, key, version string, mode object.Mode, until time.Time, bypass bool) error {
	if mode == s.takes {
		s.mode, s.till = mode, until
		return nil
	}
	return s.liar.Relock(c, key, version, mode, until, bypass)
}

// yesman says that it does what it does not: odd, and harmless.
type yesman struct{ liar }

func (yesman) Relock(ctx, string, string, object.Mode, time.Time, bool) error { return nil }

type silent struct{ liar }

func (silent) Versions(ctx, string) seq { return func(func(object.Info, error) bool) {} }

type unversioned struct{ liar }

func (s unversioned) Try(c ctx, a s3store.Attempt) (string, error) {
	_, err := s.liar.Try(c, a)
	return "", err
}

// away answers nothing.
type away struct{ liar }

// later is a store that answers the first question only.
func (s away) later() doctor.Store { return goesAway{s} }

type goesAway struct{ away }

func (goesAway) Reach(ctx) error { return nil }

func (away) Reach(ctx) error { return errAway }

var errAway = errors.New("connection refused")

func (away) Settings(ctx) s3store.Settings {
	var s s3store.Settings
	s.Versioning = s3store.Setting[string]{State: s3store.SettingUnknown, Err: errAway}
	s.Skew = s3store.Setting[time.Duration]{State: s3store.SettingUnknown, Err: errAway}
	s.Lock = s3store.Setting[s3store.LockSetting]{State: s3store.SettingUnknown, Err: errAway}
	s.Lifecycle = s3store.Setting[[]s3store.LifecycleRule]{State: s3store.SettingUnknown, Err: errAway}
	s.PublicAccess = s3store.Setting[s3store.PublicAccess]{State: s3store.SettingUnknown, Err: errAway}
	s.Encryption = s3store.Setting[s3store.Encryption]{State: s3store.SettingUnknown, Err: errAway}
	s.Policy = s3store.Setting[s3store.Policy]{State: s3store.SettingUnknown, Err: errAway}
	s.Replication = s3store.Setting[[]s3store.Replication]{State: s3store.SettingUnknown, Err: errAway}
	return s
}

func (away) Try(ctx, s3store.Attempt) (string, error)         { return "", errAway }
func (away) Head(ctx, string, string) (object.Info, error)    { return object.Info{}, errAway }
func (away) Get(ctx, string, string) (io.ReadCloser, error)   { return nil, errAway }
func (away) Delete(ctx, string, string, bool) (string, error) { return "", errAway }
func (away) ReleaseHold(ctx, string, string) error            { return errAway }
func (away) KeepVersioning(ctx) error                         { return errAway }
func (away) Versions(ctx, string) seq {
	return func(yield func(object.Info, error) bool) { yield(object.Info{}, errAway) }
}
func (away) Relock(ctx, string, string, object.Mode, time.Time, bool) error { return errAway }

var _ doctor.Store = away{}

// flooded is a store whose probe/ somebody has filled with what stays locked.
type flooded struct {
	liar
	looks *int
}

func (s flooded) Versions(c ctx, prefix string) seq {
	if !strings.HasSuffix(prefix, "/probe/") {
		return s.liar.Versions(c, prefix)
	}
	return func(yield func(object.Info, error) bool) {
		for i := range 100_000 {
			if !yield(object.Info{Key: fmt.Sprintf("%sflood-%d", prefix, i), VersionID: "v", LastModified: time.Unix(0, 0)}, nil) {
				return
			}
		}
	}
}

func (s flooded) Head(c ctx, key, version string) (object.Info, error) {
	if strings.Contains(key, "flood") {
		*s.looks++
		return object.Info{Mode: object.Compliance, RetainUntil: time.Now().Add(time.Hour)}, nil
	}
	return s.liar.Head(c, key, version)
}

// secretive does not tell whether the bucket has a default retention.
type secretive struct {
	liar
	unlocked *int
}

func (s secretive) Settings(c ctx) s3store.Settings {
	all := s.liar.Settings(c)
	all.Lock = s3store.Setting[s3store.LockSetting]{State: s3store.SettingUnknown, Err: errAway}
	return all
}

func (s secretive) Try(c ctx, a s3store.Attempt) (string, error) {
	if a.Mode == "" {
		*s.unlocked++
	}
	return s.liar.Try(c, a)
}
