package repair

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// apply does the steps of some keys. A key whose put failed keeps the rest of its
// steps for another run: removing a marker would show what lies below it.
func (r *run) apply(ctx context.Context, plans []*plan) error {
	plans = slices.DeleteFunc(slices.Clone(plans), func(p *plan) bool { return p == nil })
	if slices.ContainsFunc(plans, func(p *plan) bool { return p.begins(PutAgain, Attest) }) {
		if err := r.loadSigner(); err != nil { // before anything is locked
			return err
		}
	}
	putErr := each(plans, func(p *plan) error { return r.put(ctx, p) })
	var claims []claim
	for _, p := range plans {
		if p.wantsNote() {
			claims = append(claims, p.claims(r.name(p.key))...)
		}
	}
	if err := r.attest(ctx, claims); err != nil {
		return errors.Join(putErr, err)
	}
	for _, p := range plans {
		if p.wantsNote() {
			p.steps[0].Done = true
		}
	}
	return errors.Join(putErr, each(plans, func(p *plan) error { return r.remove(ctx, p) }))
}

// each calls do for every plan, several at once.
func each(plans []*plan, do func(*plan) error) error {
	errs := make([]error, len(plans))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, p := range plans {
		g.Go(func() error {
			if err := do(p); err != nil {
				errs[i] = fmt.Errorf("%s: %w", p.key, err)
			}
			return nil
		})
	}
	_ = g.Wait() // never an error
	return errors.Join(errs...)
}

// wantsNote reports whether the copies of a key are there and no note names them yet.
func (p *plan) wantsNote() bool { return p.begins(Attest) || p.put && p.begins(PutAgain) }

// begins reports whether the first step, which is where puts and notes are, is one
// of those that are still to be done.
func (p *plan) begins(with ...Do) bool {
	return len(p.steps) > 0 && !p.steps[0].Done && slices.Contains(with, p.steps[0].Do)
}

// put puts the committed bytes again, and looks at the key anew: what a lost answer
// has doubled, and what somebody else did meanwhile, is in the listing.
func (r *run) put(ctx context.Context, p *plan) error {
	if !p.begins(PutAgain) {
		return nil
	}
	id, err := r.putAgain(ctx, p)
	if err != nil {
		return err
	}
	versions, err := r.under(ctx, p.key)
	if err != nil {
		return err
	}
	after := &plan{key: p.key, target: p.target}
	if err := r.planCommitted(ctx, after, versions); err != nil {
		return err
	}
	if !after.begins(Attest) {
		return fmt.Errorf("after version %s was put, a foreign one lies over it again: somebody is still at it", id)
	}
	// To the outside, the put and its note are one step.
	after.steps[0].Do, after.steps[0].Version, after.steps[0].Why = PutAgain, id, p.steps[0].Why
	after.put = true
	*p = *after
	return nil
}

// putAgain copies the committed version over what the key holds, by way of our disk:
// its bytes are checked before anything is locked.
func (r *run) putAgain(ctx context.Context, p *plan) (id string, err error) {
	is, err := r.Store.Head(ctx, p.key, p.target.id)
	if err != nil {
		return "", err
	}
	until := later(p.target.until, is.RetainUntil)
	f, err := os.CreateTemp(r.WorkDir, "repair-*")
	if err != nil {
		return "", fmt.Errorf("work folder: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	body, err := r.Store.Get(ctx, p.key, p.target.id)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(f, h), body)
	if err = errors.Join(err, body.Close()); err != nil {
		return "", fmt.Errorf("read version %s: %w", p.target.id, err)
	}
	sum := ledger.Hash(h.Sum(nil))
	if sum != p.target.sum {
		return "", fmt.Errorf("version %s does not hold the committed bytes any more: the store has lost them", p.target.id)
	}
	id, err = r.Store.PutOver(ctx, object.Put{Key: p.key, Body: f, Size: size, SHA256: sum, ContentType: p.target.kind, RetainUntil: until})
	if err != nil {
		return "", err
	}
	return id, r.confirm(ctx, p.key, id, sum, until)
}

// remove does the removals of a key, in their order, when what comes before them is
// done.
func (r *run) remove(ctx context.Context, p *plan) error {
	for i := range p.steps {
		s := &p.steps[i]
		switch {
		case s.Done:
			continue
		case s.Do != RemoveMarker && s.Do != RemoveVersion:
			return nil
		}
		if err := r.Store.Remove(ctx, s.Key, s.Version); err != nil {
			return err
		}
		s.Done = true
	}
	return nil
}
