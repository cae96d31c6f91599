package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/audit-archiver/archiver/bench/sidecar"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

const (
	// putters is how many commits are on their way to the bucket at once.
	putters = 8
	// bytesPerEvent of a file that is only claimed.
	bytesPerEvent = 59
)

// history puts a stream into the archive that says it holds events, in batches of perCommit: certified, signed and
// chained like any other, so that every reader of the ledger has the work of it. The files that its commits name are
// not there: nobody opens them who asks about other days. The days are those before yesterday, ten million a day.
func history(ctx context.Context, a *sidecar.Archive, events, perCommit int64) error {
	key, open, err := a.Certify(ctx)
	if err != nil {
		return err
	}
	head, err := ledger.NewHead(open, a.Root.VKey())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type commit struct {
		key  string
		body []byte
	}
	var wg sync.WaitGroup
	commits := make(chan commit)
	for range putters {
		wg.Go(func() {
			for c := range commits {
				if err := a.Put(ctx, c.key, c.body, head.RetainUntil); err != nil {
					cancel(err)
				}
			}
		})
	}
	days := events/10_000_000 + 2
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -int(days))
	err = func() error {
		for first := int64(0); first < events; first += perCommit {
			last := min(first+perCommit, events) - 1
			at := begin.Add(time.Duration(float64(first) / 10_000_000 * float64(24*time.Hour)))
			body, next, err := claim(head, key, at, first, last)
			if err != nil {
				return err
			}
			select {
			case commits <- commit{ledger.CommitKey(a.Prefix, head.Stream, next.Index), body}:
			case <-ctx.Done():
				return nil
			}
			head = next
		}
		return nil
	}()
	close(commits)
	wg.Wait()
	if cause := context.Cause(ctx); err == nil && cause != nil {
		err = cause
	}
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

// claim is the next commit, which names one file.
func claim(head ledger.Head, key ledger.Signer, at time.Time, first, last int64) ([]byte, ledger.Head, error) {
	day := at.Format(time.DateOnly)
	var sum [32]byte
	binary.BigEndian.PutUint64(sum[:], uint64(first)+1)
	hash := sha256.Sum256(sum[:])
	rows := last - first + 1
	f := ledger.File{Key: ledger.DataName("standard", day, head.Stream, first, last), VersionID: "none", Size: rows * bytesPerEvent,
		SHA256: hash, Rows: rows, Root: hash, FirstSeq: first, LastSeq: last, MinTimestampNS: at.UnixNano(), MaxTimestampNS: at.UnixNano(),
		Class: "standard", Day: day, Mode: object.Compliance, RetainUntil: at.Truncate(time.Second).AddDate(0, 0, 2)}
	return head.Next(ledger.Manifest{First: first, Last: last, Count: rows, Through: at.Truncate(time.Millisecond), SealedAt: at.Truncate(time.Second),
		Files: []ledger.File{f}, Writer: "bench"}, key)
}
