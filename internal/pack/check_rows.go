package pack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// rows checks every exported row: it is in a committed file, in the period, and
// the CSV says the same. And of every file of the period, what it can prove about
// rows that are not here.
func (c *checker) rows() error {
	c.fatal = false
	matching, err := c.matching()
	if err != nil {
		return err
	}
	csv, err := c.openCSV()
	if err != nil {
		return err
	}
	choice := c.choice()
	defer choice.stop()
	for i := range c.said.Files {
		part, file := &c.said.Files[i], &c.build.Overlapping[i]
		if err := choice.commit(part); err != nil {
			return err
		}
		err := c.file(part, file, matching[i], csv, choice)
		if f := (*Finding)(nil); errors.As(err, &f) {
			f.Stream, f.First, f.Last = part.Stream.String(), file.FirstSeq, file.LastSeq
			csv.off, choice.off = true, true // what comes after it cannot be told apart any more
		}
		if err := c.report.find(err); err != nil {
			return err
		}
	}
	if err := choice.end(); err != nil {
		return err
	}
	return csv.end()
}

// matching returns how many rows of the period each file has; -1 when that cannot be
// known. It reads the whole files, if they are here.
func (c *checker) matching() ([]int64, error) {
	all := make([]int64, len(c.said.Files))
	for i := range all {
		file := &c.build.Overlapping[i]
		all[i] = -1
		if within(file, c.said.FromNS, c.said.ToNS) {
			all[i] = file.Rows
		}
		if !c.said.WholeFiles {
			continue
		}
		var err error
		if all[i], err = c.wholeFile(file); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// file checks what the pack has of one committed file.
func (c *checker) file(part *FilePart, file *ledger.File, matching int64, csv *csvCheck, choice *choice) error {
	if part.Exported > 0 {
		if err := c.exported(part, file, csv, choice); err != nil {
			return err
		}
	}
	if c.said.Where == "" && matching >= 0 && part.Exported != matching {
		return about(Missing, 3, RowsName(file.Key), "%d rows of the period are in the file, %d in the pack", matching, part.Exported)
	}
	if c.report.Evaluated || Proved(&c.said, part, file) {
		c.report.Complete++
	} else {
		c.report.Open++
	}
	return nil
}

// exported proves the rows of one file and compares them with the CSV.
func (c *checker) exported(part *FilePart, file *ledger.File, csv *csvCheck, choice *choice) error {
	name := ProofName(file.Key)
	raw, err := c.read(name, proofHead+part.Exported*(indexSize+64*hashSize))
	if err != nil {
		return err
	}
	proof, err := parseProof(raw, file.Rows)
	if err != nil {
		return about(Altered, 3, name, "%v", err)
	}
	if int64(proof.len()) != part.Exported {
		return about(Altered, 3, name, "proves %d rows, the statement says %d", proof.len(), part.Exported)
	}
	name = RowsName(file.Key)
	p, ok := c.members[name]
	if !ok {
		return about(Missing, 3, name, "the rows that the statement counts are not in the pack")
	}
	c.used[name] = true
	next, stop := iter.Pull2(readRows(c.ctx, c.section(p), p.size, file.Class))
	defer stop()
	var unlike error
	root, err := proof.root(func() (ledger.Hash, error) {
		row, err, ok := next()
		if !ok {
			err = errors.New("has fewer rows than the proof")
		}
		if err != nil {
			return ledger.Hash{}, c.parquetError(name, err)
		}
		if row.TimestampNS < c.said.FromNS || row.TimestampNS >= c.said.ToNS {
			return ledger.Hash{}, about(Injected, 3, name, "seq %d is not of the period", row.Seq)
		}
		if unlike == nil { // said when it is clear that the rows are not to blame
			unlike = csv.row(&row)
		}
		choice.add(row.Seq)
		c.report.Rows++
		return event.LeafHash(&row), nil
	})
	switch {
	case errors.Is(err, errProof):
		return about(Altered, 3, ProofName(file.Key), "%v", err)
	case err != nil:
		return err
	case root != file.Root:
		return about(Altered, 3, name, "the rows are not those of the committed file")
	}
	if _, err, ok := next(); ok {
		return c.parquetError(name, errors.Join(err, errors.New("has more rows than the proof")))
	}
	return unlike
}

// readRows yields the rows of a Parquet file of ours, and ends with ctx.
func readRows(ctx context.Context, r io.ReaderAt, size int64, class string) iter.Seq2[event.Row, error] {
	return func(yield func(event.Row, error) bool) {
		f, err := parquet.Open(r, size, class)
		if err != nil {
			yield(event.Row{}, err)
			return
		}
		n := 0
		for row, err := range f.Rows() {
			if n++; err == nil && n%1024 == 0 {
				err = context.Cause(ctx)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// parquetError is a finding, unless it was not the file's fault.
func (c *checker) parquetError(name string, err error) error {
	if cause := context.Cause(c.ctx); cause != nil {
		return cause
	}
	return about(Altered, 3, name, "%v", err)
}

// wholeFile checks a file that is in the pack as it was committed, and returns how
// many rows of the period it has.
func (c *checker) wholeFile(file *ledger.File) (matching int64, err error) {
	name := FileName(file.Key)
	p, ok := c.members[name]
	if !ok {
		return 0, about(Missing, 3, name, "the statement says that whole files are in the pack")
	}
	c.used[name] = true
	sum := sha256.New()
	if _, err := io.Copy(sum, c.section(p)); err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	if p.size != file.Size || !bytes.Equal(sum.Sum(nil), file.SHA256[:]) {
		return 0, about(Altered, 3, name, "is not the committed file: size or SHA-256")
	}
	var tree ledger.Tree
	for row, err := range readRows(c.ctx, c.section(p), p.size, file.Class) {
		if err != nil {
			return 0, c.parquetError(name, err)
		}
		tree.Add(event.LeafHash(&row))
		if row.TimestampNS >= c.said.FromNS && row.TimestampNS < c.said.ToNS {
			matching++
		}
	}
	if tree.Size() != file.Rows || tree.Root() != file.Root {
		return 0, about(Altered, 3, name, "its rows are not those of the commit")
	}
	return matching, nil
}

// csvCheck makes the CSV again from proved rows and compares.
type csvCheck struct {
	r    *bufio.Reader
	line []byte
	got  []byte
	off  bool
}

func (c *checker) openCSV() (*csvCheck, error) {
	p, ok := c.members[CSVName]
	if !ok {
		return nil, about(Missing, 3, CSVName, "is not in the pack")
	}
	c.used[CSVName] = true
	v := &csvCheck{r: bufio.NewReaderSize(c.section(p), 1<<20), line: CSVHeader()}
	return v, v.compare("the first line is another one")
}

func (v *csvCheck) row(r *event.Row) (err error) {
	if v.line, err = AppendCSV(v.line[:0], r); err != nil {
		return about(Altered, 3, CSVName, "seq %d: %v", r.Seq, err)
	}
	return v.compare(fmt.Sprintf("the line of seq %d is another one", r.Seq))
}

func (v *csvCheck) compare(what string) error {
	if v.off {
		return nil
	}
	v.got = append(v.got[:0], v.line...)
	_, err := io.ReadFull(v.r, v.got)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read %s: %w", CSVName, err)
	case err != nil || !bytes.Equal(v.got, v.line):
		v.off = true
		return about(Altered, 3, CSVName, "%s", what)
	}
	return nil
}

// end demands that nothing is left.
func (v *csvCheck) end() error {
	if v.off {
		return nil
	}
	if _, err := v.r.ReadByte(); !errors.Is(err, io.EOF) {
		if err != nil {
			return fmt.Errorf("read %s: %w", CSVName, err)
		}
		return about(Injected, 3, CSVName, "has lines of rows that are not in the pack")
	}
	return nil
}
