package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// stateVersion is the version of ledger/state and ledger/pending.
const stateVersion = 1

// errDisk: our own journal could not be written. What is on the disk is unknown,
// so nothing more may be signed by this process.
var errDisk = errors.New("journal not written")

// state is where the stream stands in the bucket: everything up to Head is
// confirmed there.
type state struct {
	Version   int         `json:"version"`
	Head      ledger.Head `json:"head"`
	NextBatch int64       `json:"next_batch"` // batches below are archived
	Identity  Identity    `json:"identity"`   // of the run that committed last
}

// pending is a signed commit that may or may not be in the bucket. It is on our
// disk before it is sent and is the only thing that may ever be sent for its
// index: two signed commits for one index are proof of a fork.
type pending struct {
	Version   int      `json:"version"`
	Index     int64    `json:"index"`
	NextBatch int64    `json:"next_batch"` // after this commit
	Identity  Identity `json:"identity"`
	Commit    []byte   `json:"commit"`
}

func (a *Archiver) statePath() string   { return filepath.Join(a.dir, "ledger", "state") }
func (a *Archiver) pendingPath() string { return filepath.Join(a.dir, "ledger", "pending") }

func (a *Archiver) loadState() error {
	fresh, err := ledger.NewHead(a.openRaw, a.root)
	if err != nil {
		return fmt.Errorf("start of the chain: %w", err)
	}
	a.state = state{Version: stateVersion, Head: fresh}
	if _, err := readJSON(a.fs, a.statePath(), &a.state); err != nil {
		return err
	}
	if a.state.Version != stateVersion || a.state.Head.Stream != a.stream {
		return fmt.Errorf("%s: version %d of stream %s, want version %d of %s", a.statePath(),
			a.state.Version, a.state.Head.Stream, stateVersion, a.stream)
	}
	var p pending
	found, err := readJSON(a.fs, a.pendingPath(), &p)
	if err != nil || !found {
		return err
	}
	switch {
	case p.Version != stateVersion:
		return fmt.Errorf("%s: version %d, want %d", a.pendingPath(), p.Version, stateVersion)
	case p.Index == a.state.Head.Index:
		// We died between saving the state and removing the journal, or could not sync
		// the folder. Then what we have read may not be on the disk: it has to be, before
		// the only other trace of the commit goes, or a loss of power takes both and the
		// index is signed again.
		if err := a.save(a.statePath(), a.state); err != nil {
			return fmt.Errorf("state after commit %d: %w", p.Index, err)
		}
		return a.dropPending()
	case p.Index != a.state.Head.Index+1:
		return fmt.Errorf("%s is for index %d, but the last confirmed one is %d: the folder was restored or mixed",
			a.pendingPath(), p.Index, a.state.Head.Index)
	}
	a.pending = &p
	return nil
}

func readJSON(fs durable.FS, path string, into any) (found bool, _ error) {
	raw, err := durable.ReadFile(fs, path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	return true, nil
}

// save writes a journal file. Most failures, such as a full disk, leave the old
// file as it was and are worth another try; after a failed sync nobody knows what
// is on the disk.
func (a *Archiver) save(path string, v any) error {
	err := saveJSON(a.fs, path, v)
	if errors.Is(err, durable.ErrSync) {
		err = fmt.Errorf("%w: %w", errDisk, err)
	}
	return err
}

func saveJSON(fs durable.FS, path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return durable.WriteFile(fs, path, raw, 0o600)
}

func (a *Archiver) dropPending() error {
	if err := a.fs.Remove(a.pendingPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: remove %s: %w", errDisk, a.pendingPath(), err)
	}
	a.pending = nil
	return nil
}

// resume finishes a commit that was signed before we died, with the same bytes.
func (a *Archiver) resume(ctx context.Context) error {
	if a.pending == nil {
		return nil
	}
	return a.send(ctx)
}

// publish signs a manifest as the next commit and brings it to the bucket. It
// may be repeated; what was signed once is not signed again.
func (a *Archiver) publish(ctx context.Context, m ledger.Manifest, nextBatch int64, id Identity) error {
	if a.pending == nil {
		commit, next, err := a.state.Head.Next(m, a.signer)
		if err != nil {
			return fmt.Errorf("sign commit %d: %w", a.state.Head.Index+1, err)
		}
		p := &pending{Version: stateVersion, Index: next.Index, NextBatch: nextBatch, Identity: id, Commit: commit}
		a.pending = p // from here on nothing else is signed for this index
		if err := a.save(a.pendingPath(), p); err != nil {
			return fmt.Errorf("journal commit %d: %w", p.Index, err)
		}
		a.journaled = true
	}
	return a.send(ctx)
}

// send brings the pending commit to the bucket and then moves the state on.
func (a *Archiver) send(ctx context.Context) error {
	p := a.pending
	if !a.journaled { // the disk was full when it was signed, or we come from a restart
		if err := a.save(a.pendingPath(), p); err != nil {
			return fmt.Errorf("journal commit %d: %w", p.Index, err)
		}
		a.journaled = true
	}
	next, c, err := a.state.Head.Verify(p.Commit)
	if err != nil {
		return fmt.Errorf("%w: our own commit %d does not verify: %w", errDisk, p.Index, err)
	}
	key := ledger.CommitKey(a.prefix, a.stream, p.Index)
	u := upload{earliest: a.open.RetainUntil}
	u.Key, u.Body, u.Size = key, bytes.NewReader(p.Commit), int64(len(p.Commit))
	u.SHA256, u.ContentType, u.RetainUntil = sha256.Sum256(p.Commit), noteType, a.open.RetainUntil
	if _, err := a.ensure(ctx, u); errors.Is(err, ErrConflict) {
		return fmt.Errorf("commit %d: %w: %w", p.Index, a.whoTook(ctx), err)
	} else if err != nil {
		return fmt.Errorf("commit %d: %w", p.Index, err)
	}
	// The commit is in the bucket, locked: the batch is archived.
	moved := state{Version: stateVersion, Head: next, NextBatch: p.NextBatch, Identity: p.Identity}
	if err := a.save(a.statePath(), moved); err != nil {
		return fmt.Errorf("state after commit %d: %w", p.Index, err)
	}
	a.state = moved
	if err := a.dropPending(); err != nil {
		return err
	}
	a.journaled = false
	a.committed(&c.Manifest)
	return nil
}

// checkBucket refuses to write into another bucket or prefix than the stream's:
// what is locked there by mistake stays for years. The archive object has to be
// there, and the last commit that we saw there, hidden or not.
func (a *Archiver) checkBucket(ctx context.Context) error {
	absent := func(key string) error {
		return fmt.Errorf("%s is not in the bucket: is this another bucket or prefix, or was it made anew?", key)
	}
	key := ledger.ArchiveKey(a.prefix)
	there, err := a.anyVersion(ctx, key, func(info object.Info) (bool, error) {
		raw, err := a.read(ctx, info, ledger.MaxCommitBytes)
		if err != nil {
			return false, err
		}
		_, err = ledger.ParseArchive(raw, a.root)
		a.about = info
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("look for the archive: %w", err)
	}
	if !there {
		return absent(key)
	}
	if a.state.Head.Index < 0 {
		return nil
	}
	key = ledger.CommitKey(a.prefix, a.stream, a.state.Head.Index)
	there, err = a.anyVersion(ctx, key, func(object.Info) (bool, error) { return true, nil })
	if err != nil {
		return fmt.Errorf("look for our last commit: %w", err)
	}
	if !there {
		return absent(key)
	}
	return nil
}

// publishOpen puts the stream's certificate where readers look for it.
func (a *Archiver) publishOpen(ctx context.Context) error {
	u := upload{earliest: a.open.RetainUntil}
	u.Key, u.Body, u.Size = ledger.OpenKey(a.prefix, a.stream), bytes.NewReader(a.openRaw), int64(len(a.openRaw))
	u.SHA256, u.ContentType, u.RetainUntil = sha256.Sum256(a.openRaw), noteType, a.open.RetainUntil
	if _, err := a.ensure(ctx, u); err != nil {
		return fmt.Errorf("stream certificate: %w", err)
	}
	return nil
}

// checkNext refuses to go on when the bucket is ahead of us: the folder was
// restored from a backup, or a copy of it is running elsewhere.
func (a *Archiver) checkNext(ctx context.Context) error {
	key := ledger.CommitKey(a.prefix, a.stream, a.state.Head.Index+1)
	there, err := a.anyVersion(ctx, key, func(object.Info) (bool, error) { return true, nil })
	if err != nil {
		return fmt.Errorf("look for a foreign commit: %w", err)
	}
	if there {
		return fmt.Errorf("%w: %w: %s exists, but this folder has not written it: a copy of the folder is running, or it was rolled back",
			a.whoTook(ctx), ErrConflict, key)
	}
	return nil
}

// ErrTaken: there is a commit under our next index that we did not write.
var ErrTaken = errors.New("another writer has gone on with the stream")

// ErrRecovered: the commit under our next index is one of a recovery.
var ErrRecovered = errors.New("the stream is recovered or salvaged elsewhere: this folder cannot go on with it, " +
	"and what is in this folder alone is not in the archive: a successor that waits takes it over once the recovery has closed the stream")

// whoTook says which of the two it is.
func (a *Archiver) whoTook(ctx context.Context) error {
	head := a.state.Head
	head.Root = a.root
	recovered, _ := a.anyVersion(ctx, ledger.CommitKey(a.prefix, a.stream, head.Index+1), func(info object.Info) (bool, error) {
		raw, err := a.read(ctx, info, ledger.MaxCommitBytes)
		if err != nil {
			return false, err
		}
		_, c, err := head.Verify(raw)
		return err == nil && c.Manifest.Has(ledger.NoteRecover), nil
	}) // an error leaves it open who it was
	if recovered {
		return ErrRecovered
	}
	return ErrTaken
}
