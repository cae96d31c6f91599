package repair

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// readNotes reads the signed notes of this archive: which copies earlier repairs
// have put.
func (r *run) readNotes(ctx context.Context) error {
	r.notes, r.named = make(map[version]bool), make(map[version][]string)
	for v, err := range r.Store.Versions(ctx, ledger.Join(r.Prefix, "attest/")) {
		if err != nil {
			return err
		}
		kind, ok := ledger.ParseAttestName(r.name(v.Key))
		if !ok || v.DeleteMarker || v.Size > ledger.MaxAttestBytes {
			continue
		}
		raw, err := r.fetch(ctx, v)
		if err != nil {
			return fmt.Errorf("read %s version %s: %w", v.Key, v.VersionID, err)
		}
		a, err := ledger.ParseAttestation(raw, r.vkey)
		if err != nil || a.Kind != kind || a.Archive != r.view.Archive.ID || ledger.AttestKey(r.Prefix, kind, raw) != v.Key {
			continue // foreign
		}
		r.notes[version{v.Key, v.VersionID}] = true
		if kind != ledger.AttestRepair {
			continue
		}
		body, err := a.Repair()
		if err != nil {
			return err
		}
		for _, o := range body.Objects {
			is := version{ledger.Join(r.Prefix, o.Key), o.VersionID}
			r.named[is] = append(r.named[is], o.Over...)
		}
	}
	return nil
}

// fetch returns a version of at most the size of a note.
func (r *run) fetch(ctx context.Context, v object.Info) ([]byte, error) {
	body, err := r.Store.Get(ctx, v.Key, v.VersionID)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(body, ledger.MaxAttestBytes+1))
	return raw, errors.Join(err, body.Close())
}

// vkey returns the keys that may sign a note.
func (r *run) vkey(name string) string {
	if name == ledger.RootName(r.view.Archive.ID) {
		return r.Root
	}
	for i := range r.view.Streams {
		if o := &r.view.Streams[i].Open; ledger.StreamName(o.Archive, o.Stream) == name {
			return o.VKey
		}
	}
	return ""
}

const (
	// overMost is how many covered versions one entry of a note names. A copy that
	// covers more has several entries.
	overMost = 100
	// noteRoom bounds the text of a note's entries, so that the note is below its limit.
	noteRoom = ledger.MaxAttestBytes / 2
)

// claim is an entry for a note, and until when what it names is locked.
type claim struct {
	ledger.RepairedObject
	until time.Time
}

// claims are the entries that the copies of a key need: the newest covers what is
// locked and foreign.
func (p *plan) claims(name string) []claim {
	var all []claim
	for i, id := range p.copies {
		over := []string{}
		if i == 0 {
			over = append(over, p.locked...)
		}
		for {
			n := min(len(over), overMost)
			all = append(all, claim{ledger.RepairedObject{Key: name, VersionID: id, SHA256: p.target.sum, Over: over[:n]}, p.target.until})
			if over = over[n:]; len(over) == 0 {
				break
			}
		}
	}
	return all
}

// attest puts claims into the bucket as signed notes, as many as they need.
func (r *run) attest(ctx context.Context, claims []claim) error {
	for len(claims) > 0 {
		n, room := 0, noteRoom
		for n < len(claims) && (n == 0 || claims[n].size() <= room) {
			room -= claims[n].size()
			n++
		}
		if err := r.putNote(ctx, claims[:n]); err != nil {
			return fmt.Errorf("attest: %w", err)
		}
		claims = claims[n:]
	}
	return nil
}

// size is about what a claim takes in a note. Ids are escaped at worst by a factor
// that the other half of the note has room for.
func (c *claim) size() int {
	n := len(c.Key) + len(c.VersionID) + 160
	for _, id := range c.Over {
		n += len(id) + 3
	}
	return n
}

// loadSigner asks for the key and makes sure that its notes will be believed.
func (r *run) loadSigner() error {
	if r.key != nil {
		return nil
	}
	key, err := r.Signer()
	if err != nil {
		return err
	}
	if r.vkey(key.Name()) != key.VKey() {
		return fmt.Errorf("the key of %s is neither the root key nor that of a stream of this archive", key.Name())
	}
	r.key = key
	return nil
}

// putNote signs and puts one note. It is locked until whatever it names may go, and
// at least as long as the longest class: another run at the same second makes the
// same note, or another one that says the same.
func (r *run) putNote(ctx context.Context, claims []claim) error {
	now := r.Now().UTC().Truncate(time.Second)
	until := now
	for _, c := range r.view.Archive.Classes {
		until = later(until, now.Add(time.Duration(c.Days)*24*time.Hour))
	}
	body := ledger.RepairBody{}
	for _, c := range claims {
		body.Objects = append(body.Objects, c.RepairedObject)
		until = later(until, c.until)
	}
	raw, err := ledger.SignAttestation(ledger.Attestation{Archive: r.view.Archive.ID, Kind: ledger.AttestRepair, At: now}, body, r.key)
	if err != nil {
		return err
	}
	key := ledger.AttestKey(r.Prefix, ledger.AttestRepair, raw)
	id, err := r.Store.Put(ctx, object.Put{Key: key, Body: bytes.NewReader(raw), Size: int64(len(raw)), SHA256: sha256.Sum256(raw),
		ContentType: noteType, RetainUntil: until})
	if errors.Is(err, object.ErrExists) {
		// Our own, of a request whose answer was lost, or of somebody who wants it to
		// look so.
		id, err = r.ownNote(ctx, key, raw)
	}
	if err != nil {
		return err
	}
	if err := r.confirm(ctx, key, id, sha256.Sum256(raw), until); err != nil {
		return err
	}
	r.report.Notes = append(r.report.Notes, key)
	return nil
}

// ownNote finds the version of a note that is there already.
func (r *run) ownNote(ctx context.Context, key string, raw []byte) (id string, _ error) {
	for v, err := range r.Store.Versions(ctx, key) {
		if err != nil {
			return "", err
		}
		if v.Key != key || v.DeleteMarker {
			continue
		}
		b, err := r.fetch(ctx, v)
		if err != nil {
			return "", err
		}
		if bytes.Equal(b, raw) {
			return v.VersionID, nil
		}
	}
	return "", fmt.Errorf("%s: somebody else has put something under the name of our note: run the repair again", key)
}

// confirm makes sure that what was put is there and locked.
func (r *run) confirm(ctx context.Context, key, id string, sum ledger.Hash, until time.Time) error {
	info, err := r.Store.Head(ctx, key, id)
	switch {
	case err != nil:
	case info.SHA256 != [sha256.Size]byte{} && info.SHA256 != sum:
		err = errors.New("it holds other bytes than were sent")
	case info.Mode != object.Compliance || info.RetainUntil.Before(until):
		err = object.ErrUnlocked
	}
	if err != nil {
		return fmt.Errorf("confirm %s version %s: %w", key, id, err)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// under lists one key, newest first, as list does.
func (r *run) under(ctx context.Context, key string) (all []object.Info, _ error) {
	for v, err := range r.Store.Versions(ctx, key) {
		if err != nil {
			return nil, err
		}
		if v.Key == key {
			all, _ = r.gather(all, v)
		} else if strings.Compare(v.Key, key) > 0 {
			break
		}
	}
	return all, nil
}
