package archive

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// ErrClosed: the stream's last commit says that it takes no more.
var ErrClosed = errors.New("the stream is closed")

// Rotate closes the stream: its last commit names the one that continues it. Start
// must have been called and Run must be over. It blocks until the bucket has that
// commit, or ctx ends; from the first try on nothing else can be committed, because
// the closing commit may be there. Closing a closed stream is fine.
//
// A commit that was signed before and may not be there yet goes first.
func (a *Archiver) Rotate(ctx context.Context, successor uuid.UUID) error {
	return a.retry(ctx, closing, func(ctx context.Context) error {
		if err := a.resume(ctx); err != nil {
			return err
		}
		if a.state.Head.Closed {
			return nil
		}
		m := a.manifest(nil, ledger.Note{Kind: ledger.NoteRotate, Stream: successor})
		return a.publish(ctx, m, a.state.NextBatch, a.state.Identity)
	})
}

// extendArchive locks the archive object for as long as this stream's ledger is
// locked: it was locked for the first stream, and this one may be a successor, or that
// of a server that came later. That it cannot be done now is told, and
// tried again at the next start: the lock has years to go.
func (a *Archiver) extendArchive(ctx context.Context) {
	info, err := a.store.Head(ctx, a.about.Key, a.about.VersionID)
	if err == nil && !info.RetainUntil.Before(a.open.RetainUntil) {
		return
	}
	if err == nil {
		err = a.extend(ctx, a.about.Key, a.about.VersionID, a.open.RetainUntil)
	}
	if err != nil {
		a.log.WarnContext(ctx, "the archive object is locked for less long than this stream's ledger; tried again at the next start",
			"key", a.about.Key, "version", a.about.VersionID, "want", a.open.RetainUntil, "error", err)
	}
}
