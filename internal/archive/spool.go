package archive

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// prepare is step 0 for one batch. A batch that is archived already, or has no
// rows, has no files.
func (a *Archiver) prepare(ctx context.Context, j *job) (err error) {
	if j.batch.Count > 0 && j.batch.Number >= a.Status().NextBatch {
		j.plan, err = a.spool(ctx, j.batch)
	}
	return err
}

// spool makes sure that the final Parquet bytes of a batch are on our disk and
// hold exactly the rows of the WAL. A plan that is there already is used as it
// is: its bytes may have been sent. What fails is removed at once: on a full disk
// it would hold the very bytes that the journal needs to commit the batches before
// it, which is what makes room.
func (a *Archiver) spool(ctx context.Context, b *buffer.Batch) (plan, error) {
	if p, ok, err := a.loadPlan(b); err != nil || ok {
		return p, err
	}
	if err := a.removeSpool(b.Number); err != nil {
		return plan{}, err
	}
	p, err := a.encodeBatch(ctx, b)
	if err != nil {
		return plan{}, errors.Join(err, a.removeSpool(b.Number))
	}
	return p, nil
}

// encodeBatch writes all files of a batch, and the plan last.
func (a *Archiver) encodeBatch(ctx context.Context, b *buffer.Batch) (plan, error) {
	dir := a.spoolDir(b.Number)
	if err := durable.MkdirAll(a.fs, dir, 0o700); err != nil {
		return plan{}, fmt.Errorf("create spool folder: %w", err)
	}
	parts, err := divide(ctx, b)
	if err != nil {
		return plan{}, fmt.Errorf("read the WAL: %w", err)
	}
	p := plan{Version: planVersion, Stream: b.Stream.String(), Batch: b.Number, First: b.First, Last: b.Last}
	for i, part := range parts {
		f, err := a.spoolPart(ctx, b, part, fmt.Sprintf("%03d.parquet", i))
		if err != nil {
			return plan{}, fmt.Errorf("spool %s: %w", part.name(b), err)
		}
		p.Files = append(p.Files, f)
	}
	if b.Number > a.Status().NextBatch {
		if free, err := a.fs.Free(dir); err != nil {
			return plan{}, err
		} else if free < journalRoom {
			return plan{}, fmt.Errorf("the disk would have %d bytes left: batches before this one come first", free)
		}
	}
	if err := a.fs.SyncDir(dir); err != nil {
		return plan{}, fmt.Errorf("sync spool folder: %w", err)
	}
	if err := a.savePlan(p); err != nil {
		return plan{}, fmt.Errorf("save spool plan: %w", err)
	}
	return p, nil
}

// spoolPart writes one file, and then syncs it while it is read back.
func (a *Archiver) spoolPart(ctx context.Context, b *buffer.Batch, p *part, local string) (spooled, error) {
	until, ok := b.RetainUntil[p.class]
	if !ok {
		return spooled{}, fmt.Errorf("the seal has no retention date for class %q", p.class)
	}
	path := filepath.Join(a.spoolDir(b.Number), local)
	f, err := a.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return spooled{}, fmt.Errorf("create: %w", err)
	}
	defer f.Close()
	s := spooled{Name: p.name(b), Local: local, Class: p.class, Day: p.day, Rows: int64(len(p.rows)),
		FirstSeq: math.MaxInt64, MinNS: p.rows[0].ns, MaxNS: p.rows[len(p.rows)-1].ns, SealedUntil: until, RetainUntil: until}
	for _, row := range p.rows {
		s.FirstSeq, s.LastSeq = min(s.FirstSeq, row.ref.Seq()), max(s.LastSeq, row.ref.Seq())
	}
	digest, err := encode(ctx, f, b, p, &s)
	if err != nil {
		return spooled{}, err
	}
	synced := make(chan error, 1)
	go func() { synced <- f.Sync() }()
	compared := compare(ctx, f, &s, digest)
	if compared != nil {
		compared = fmt.Errorf("read back: %w", compared)
	}
	if err := <-synced; err != nil {
		return spooled{}, errors.Join(fmt.Errorf("sync: %w", err), compared)
	}
	return s, compared
}

// encode writes the rows of p as Parquet, and into s size and checksum of what it wrote and the Merkle root over the
// rows as the WAL has them. The digest is of those rows, too.
//
// Reading and hashing rows and writing them take as long as each other, so they are done at the same time.
func encode(ctx context.Context, f durable.File, b *buffer.Batch, p *part, s *spooled) (_ *parquet.Digest, err error) {
	h := sha256.New()
	count := &offsetWriter{f: f}
	buffered := bufio.NewWriterSize(io.MultiWriter(count, h), spoolBufferBytes)
	w := parquet.NewWriter(buffered, parquet.Options{Stream: b.Stream, Class: p.class, Day: p.day})
	r := newRowSource(b, p)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.run(ctx) })
	g.Go(func() error {
		for rows := range r.full {
			if err := w.Write(rows...); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			r.free <- rows // it has room for all there are
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := errors.Join(w.Close(), buffered.Flush()); err != nil {
		return nil, fmt.Errorf("finish: %w", err)
	}
	s.Size, s.SHA256, s.Root = count.n, ledger.Hash(h.Sum(nil)), r.tree.Root()
	return r.digest, nil
}

// compare reads a finished file and demands that it holds the rows that the WAL gave, in order: nothing is locked for
// years before this holds.
func compare(ctx context.Context, f io.ReaderAt, s *spooled, digest *parquet.Digest) error {
	r, err := parquet.Open(f, s.Size, s.Class)
	if err != nil {
		return err
	}
	if err := r.Compare(ctx, digest, compareWorkers); err != nil {
		return fmt.Errorf("the file is not what the WAL has: %w", err)
	}
	return nil
}

// rootOf returns the Merkle root over the rows of a Parquet file, and what wrote it.
func rootOf(ctx context.Context, f io.ReaderAt, size int64, class string) (root ledger.Hash, rows int64, createdBy string, _ error) {
	r, err := parquet.Open(f, size, class)
	if err != nil {
		return ledger.Hash{}, 0, "", err
	}
	var tree ledger.Tree
	for row, err := range r.Rows() {
		if err != nil {
			return ledger.Hash{}, 0, "", fmt.Errorf("row %d: %w", tree.Size(), err)
		}
		if tree.Add(event.LeafHash(&row)); tree.Size()%4096 == 0 && ctx.Err() != nil {
			return ledger.Hash{}, 0, "", context.Cause(ctx)
		}
	}
	return tree.Root(), tree.Size(), r.CreatedBy(), nil
}

// clearSpool deletes what is left of batches that are archived: we died before
// we came to it.
func (a *Archiver) clearSpool() error {
	names, err := a.fs.ReadDir(filepath.Join(a.dir, "spool"))
	if err != nil {
		return fmt.Errorf("list spool: %w", err)
	}
	for _, n := range names {
		number, err := strconv.ParseInt(n.Name(), 10, 64)
		if err != nil || number >= a.state.NextBatch {
			continue
		}
		if err := a.removeSpool(number); err != nil {
			return err
		}
	}
	return nil
}

// removeSpool deletes a spool folder. A plan that outlives its files is told by
// its hashes, so the order of the removals does not matter.
func (a *Archiver) removeSpool(number int64) error {
	dir := a.spoolDir(number)
	names, err := a.fs.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list spool folder: %w", err)
	}
	for _, n := range names {
		if err := a.fs.Remove(filepath.Join(dir, n.Name())); err != nil {
			return fmt.Errorf("clear spool folder: %w", err)
		}
	}
	if err := a.fs.Remove(dir); err != nil {
		return fmt.Errorf("remove spool folder: %w", err)
	}
	return nil
}

func (a *Archiver) hashFile(path string) (ledger.Hash, int64, error) {
	f, err := a.fs.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return ledger.Hash{}, 0, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return ledger.Hash{}, 0, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return ledger.Hash{}, 0, err
	}
	return ledger.Hash(h.Sum(nil)), size, nil
}

// offsetWriter writes a file from n on.
type offsetWriter struct {
	f durable.File
	n int64
}

func (w *offsetWriter) Write(p []byte) (int, error) {
	n, err := w.f.WriteAt(p, w.n)
	w.n += int64(n)
	return n, err
}
