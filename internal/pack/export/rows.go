package export

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/pack"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// rows copies the selected rows of every file of the period, with their proofs.
func (e *exporter) rows(ctx context.Context) (err error) {
	csv, err := e.spool.beginOwn(pack.CSVName, filepath.Join(e.temp, "csv"))
	if err != nil {
		return err
	}
	if _, err := csv.Write(pack.CSVHeader()); err != nil {
		return err
	}
	chosen, err := e.selection(ctx)
	if err != nil {
		return err
	}
	defer chosen.stop()
	e.progress.Of = len(e.statement.Files)
	for i := range e.statement.Files {
		part, file := &e.statement.Files[i], &e.build.Overlapping[i]
		wanted, err := chosen.of(part)
		if err != nil {
			return err
		}
		if e.WholeFiles || !wanted.none() {
			if part.Exported, err = e.file(ctx, file, wanted, csv); err != nil {
				return fmt.Errorf("%s: %w", file.Key, err)
			}
		}
		e.statement.Rows += part.Exported
		e.progress.Files, e.progress.Rows = i+1, e.statement.Rows
		e.Progress(e.progress)
	}
	if err := chosen.end(); err != nil {
		return err
	}
	return csv.end()
}

// file copies the wanted rows of one committed file, and the file itself with
// WholeFiles. It reads the version that the commit names, and believes nothing
// that does not give the commit's SHA-256 and root.
func (e *exporter) file(ctx context.Context, f *ledger.File, wanted *wanted, csv io.Writer) (exported int64, err error) {
	local, err := e.download(ctx, f)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, local.Close(), os.Remove(local.Name())) }()
	if e.WholeFiles {
		w := e.spool.begin(pack.FileName(f.Key))
		if _, err := io.Copy(w, io.NewSectionReader(local, 0, f.Size)); err != nil {
			return 0, err
		}
		if err := w.end(); err != nil {
			return 0, err
		}
	}
	r, err := parquet.Open(local, f.Size, f.Class)
	if err != nil {
		return 0, err
	}
	parts, ok := parquet.ParseKey("", f.Key)
	if !ok {
		return 0, errors.New("is no name of a data file")
	}
	out := e.spool.begin(pack.RowsName(f.Key))
	rows := parquet.NewWriter(out, parquet.Options{Stream: parts.Stream, Class: f.Class, Day: f.Day})
	var prover pack.Prover
	var line []byte
	for row, err := range r.Rows() {
		if err == nil && row.Seq%1024 == 0 {
			err = context.Cause(ctx)
		}
		if err != nil {
			return 0, err
		}
		take := row.TimestampNS >= e.build.FromNS && row.TimestampNS < e.build.ToNS && wanted.take(row.Seq)
		prover.Add(event.LeafHash(&row), take)
		if !take {
			continue
		}
		exported++
		if line, err = pack.AppendCSV(line[:0], &row); err == nil {
			_, err = csv.Write(line)
		}
		if err = errors.Join(err, rows.Write(row)); err != nil {
			return 0, err
		}
	}
	if exported == 0 {
		return 0, nil // what was begun is overwritten by the next member
	}
	proof, root, err := prover.Finish()
	if err == nil && root != f.Root {
		err = errors.New("its rows are not those of the commit")
	}
	if err = errors.Join(err, rows.Close()); err != nil {
		return 0, err
	}
	if err := out.end(); err != nil {
		return 0, err
	}
	return exported, e.add(pack.ProofName(f.Key), proof)
}

// download copies a committed file to the disk and checks it.
func (e *exporter) download(ctx context.Context, f *ledger.File) (_ *os.File, err error) {
	body, err := e.Store.Get(ctx, ledger.Join(e.Prefix, f.Key), f.VersionID)
	if err != nil {
		return nil, fmt.Errorf("get version %s: %w", f.VersionID, err)
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	local, err := os.CreateTemp(e.temp, "file-*")
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(local, sum), io.LimitReader(body, f.Size+1))
	if err == nil && (n != f.Size || ledger.Hash(sum.Sum(nil)) != f.SHA256) {
		err = errors.New("is not what was committed: run archiver verify")
	}
	if err != nil {
		return nil, errors.Join(err, local.Close(), os.Remove(local.Name()))
	}
	return local, nil
}
