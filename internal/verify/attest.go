package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// repairs is what signed notes say about copies that a repair has put, and the
// attestations themselves.
type repairs struct {
	objects map[string][]repaired // by key
	valid   map[version]bool      // the attestations that are what their name says
	doubt   [][]object.Info       // all versions of those keys that hold anything else
	doubts  int                   // how many versions these are, and more
}

// repaired is one copy. It is in force while it, or the version that was committed,
// is the current one.
type repaired struct {
	ledger.RepairedObject
	signer  string // name of the key
	current string // version id
}

// isCopy reports whether a signed repair put this version for content of that hash.
func (p *repairs) isCopy(key, id string, sum ledger.Hash) bool {
	return slices.ContainsFunc(p.objects[key], func(o repaired) bool { return o.VersionID == id && o.SHA256 == sum })
}

// cover returns who signed that a repair has put the committed content over a foreign
// version or a delete marker, if that is what readers get; "" when nobody did.
func (p *repairs) cover(key, foreign, committed string, sum ledger.Hash) (signer string) {
	for _, o := range p.objects[key] {
		if o.SHA256 == sum && slices.Contains(o.Over, foreign) && (o.current == o.VersionID || o.current == committed) {
			return o.signer
		}
	}
	return ""
}

// attestations reads what lies under attest/. What does not verify may be signed by
// a stream that was certified since the ledger was read: judgeAttestations decides.
func (r *run) attestations(ctx context.Context) error {
	r.repairs = repairs{objects: make(map[string][]repaired), valid: make(map[version]bool)}
	var group []object.Info
	dir := r.key(attestDir)
	for info, err := range r.Store.Versions(ctx, dir) {
		if ctx.Err() != nil {
			return fmt.Errorf("verify: %w", context.Cause(ctx))
		}
		if err != nil {
			r.unable(Unchecked{Level: 1, Key: dir, Why: err.Error()})
			return nil
		}
		if len(group) > 0 && group[0].Key != info.Key {
			if err := r.attestation(ctx, group); err != nil {
				return err
			}
			group = nil
		}
		group = r.gather(group, info)
	}
	if len(group) > 0 {
		return r.attestation(ctx, group)
	}
	return nil
}

// gather adds a version to those of its key, newest first. Of a key with very many the
// oldest stay: what was put there first may be an attestation.
func (r *run) gather(group []object.Info, info object.Info) []object.Info {
	most := r.bound()
	if len(group) < most {
		return append(group, info)
	}
	drop := max(1, most/4)
	for _, v := range group[:drop] {
		r.find(Finding{Kind: Injected, Level: 2, Key: v.Key, Version: v.VersionID, First: -1, Last: -1, Detail: "one of very many versions under attest/: it was not looked at"})
	}
	return append(slices.Delete(group, 0, drop), info)
}

// attestation takes all versions of one key under attest/.
func (r *run) attestation(ctx context.Context, versions []object.Info) error {
	found := false
	for _, v := range versions {
		a, may, err := r.mayAttest(ctx, v)
		if err != nil {
			return err
		}
		if found = found || may; a != nil {
			r.repairs.valid[version{v.Key, v.VersionID}] = true
			if err := r.takeRepair(ctx, a); err != nil {
				return err
			}
		}
	}
	if found && len(versions) == 1 {
		return nil
	}
	if r.repairs.doubts += len(versions); r.repairs.doubts > r.bound() { // too many to wait with them
		return r.judgeAttestation(ctx, versions)
	}
	r.repairs.doubt = append(r.repairs.doubt, versions)
	return nil
}

// mayAttest returns the attestation that a version is; nil when it is none. One that
// cannot be read may be one: that is reported, and it must not be called foreign. The
// error is that of ctx.
func (r *run) mayAttest(ctx context.Context, v object.Info) (_ *ledger.Attestation, may bool, _ error) {
	if v.DeleteMarker || v.Size > ledger.MaxAttestBytes {
		return nil, false, nil
	}
	a, err := r.readAttestation(ctx, v)
	switch {
	case ctx.Err() != nil:
		return nil, false, fmt.Errorf("verify: %w", context.Cause(ctx))
	case errors.As(err, new(*unreadError)):
		r.unable(Unchecked{Level: 1, Key: v.Key, Version: v.VersionID, Why: err.Error()})
		return nil, true, nil
	case err != nil:
		return nil, false, nil //nolint:nilerr // it is none
	}
	return &a, true, nil
}

// unreadError says that an object could not be read, which says nothing about it.
type unreadError struct{ error }

func (e *unreadError) Unwrap() error { return e.error }

// readAttestation reads and checks one version under attest/.
func (r *run) readAttestation(ctx context.Context, v object.Info) (a ledger.Attestation, _ error) {
	kind, ok := ledger.ParseAttestName(strings.TrimPrefix(v.Key, ledger.Join(r.Prefix, "")))
	if !ok {
		return a, errors.New("no attestation is named so")
	}
	body, err := r.cache.Get(ctx, v.Key, v.VersionID)
	if err != nil {
		return a, &unreadError{err}
	}
	b, err := io.ReadAll(io.LimitReader(body, ledger.MaxAttestBytes+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return a, &unreadError{err}
	}
	if ledger.AttestKey(r.Prefix, kind, b) != v.Key {
		return a, errors.New("its content is not what its name says")
	}
	if a, err = ledger.ParseAttestation(b, r.vkey); err != nil {
		return a, err
	}
	if a.Kind != kind || a.Archive != r.memory.archive {
		return a, fmt.Errorf("it is a %s of archive %s", a.Kind, a.Archive)
	}
	return a, nil
}

// vkey returns the keys that may sign an attestation: what the root key is, and
// which streams it certified, we know without it.
func (r *run) vkey(name string) string {
	if name == ledger.RootName(r.memory.archive) {
		return r.Root
	}
	for id, s := range r.streams {
		if ledger.StreamName(r.memory.archive, id) == name {
			return s.Open.VKey
		}
	}
	return ""
}

// takeRepair notes what a repair says, and what the current versions of its keys are.
func (r *run) takeRepair(ctx context.Context, a *ledger.Attestation) error {
	if a.Kind != ledger.AttestRepair {
		return nil
	}
	body, err := a.Repair()
	if err != nil {
		return err
	}
	for _, o := range body.Objects {
		key := r.key(o.Key)
		info, err := r.Store.Head(ctx, key, "")
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("verify: %w", context.Cause(ctx))
		case err != nil && !errors.Is(err, object.ErrNotFound): // hidden again, then
			r.unable(Unchecked{Level: 1, Key: key, Why: err.Error()})
		}
		r.repairs.objects[key] = append(r.repairs.objects[key], repaired{o, a.Signer, info.VersionID})
	}
	return nil
}

// judgeAttestations reports what lies under attest/ and is no attestation, now that
// every stream is known.
func (r *run) judgeAttestations(ctx context.Context) error {
	for _, versions := range r.repairs.doubt {
		if err := r.judgeAttestation(ctx, versions); err != nil {
			return err
		}
	}
	return nil
}

// judgeAttestation takes all versions of one key under attest/.
func (r *run) judgeAttestation(ctx context.Context, versions []object.Info) error {
	own := -1
	for i, v := range versions {
		_, may, err := r.mayAttest(ctx, v)
		if err != nil {
			return err
		}
		if may {
			own = i // the oldest
		}
	}
	for i, v := range versions {
		f := Finding{Level: 2, Key: v.Key, Version: v.VersionID, First: -1, Last: -1}
		switch {
		case i == own, r.repairs.valid[version{v.Key, v.VersionID}]:
			continue
		case own < 0:
			f.Kind, f.Detail = Injected, "it is no attestation of this archive"
		case v.DeleteMarker:
			f.Kind, f.Detail = Hidden, "a delete marker on an attestation"
		case i < own:
			f.Kind, f.Detail = Replaced, "a foreign version above an attestation"
		default:
			f.Kind, f.Detail = Injected, "a foreign version below an attestation"
		}
		r.find(f)
	}
	return nil
}
