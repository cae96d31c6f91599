package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// fetchFile copies a committed file to the start of to, and compares it with what the
// commit says.
func fetchFile(ctx context.Context, store object.Store, prefix string, f *ledger.File, to durable.File) (err error) {
	body, err := store.Get(ctx, ledger.Join(prefix, f.Key), f.VersionID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(&offsetWriter{f: to}, h), io.LimitReader(body, f.Size+1))
	if err != nil {
		return err
	}
	if n != f.Size || ledger.Hash(h.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%w: it is not what the commit says", errDiffers)
	}
	return nil
}

// eachRow visits the rows of a file that fetchFile has fetched.
func eachRow(file io.ReaderAt, f *ledger.File, visit func(*event.Row) error) error {
	r, err := parquet.Open(io.NewSectionReader(file, 0, f.Size), f.Size, f.Class)
	if err != nil {
		return err
	}
	for row, err := range r.Rows() {
		if err != nil {
			return err
		}
		if err := visit(&row); err != nil {
			return err
		}
	}
	return nil
}
