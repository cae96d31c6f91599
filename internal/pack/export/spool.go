package export

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/pack"
)

// member is a finished member: where its content is on our disk.
type member struct {
	pack.Member
	file   *os.File
	offset int64
}

func (m member) open() *io.SectionReader { return io.NewSectionReader(m.file, m.offset, m.Size) }

// spool keeps the members until all of them are known: most in one file, one
// after the other, and large ones that grow beside the others in files of their own.
type spool struct {
	shared  *os.File
	size    int64
	members []member
	own     []*os.File
}

func newSpool(name string) (*spool, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return &spool{shared: f}, err
}

// Close closes the files; whoever made the folder removes them.
func (s *spool) Close() error {
	errs := []error{s.shared.Close()}
	for _, f := range s.own {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// add keeps content in the shared file.
func (s *spool) add(name string, content []byte) error {
	w := s.begin(name)
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.end()
}

// begin starts a member in the shared file; it ends before the next one begins.
func (s *spool) begin(name string) *memberWriter {
	return &memberWriter{spool: s, name: name, file: s.shared, offset: s.size, sum: sha256.New(),
		buf: bufio.NewWriterSize(io.NewOffsetWriter(s.shared, s.size), 64<<10)}
}

// beginOwn starts a member in a file of its own.
func (s *spool) beginOwn(name, file string) (*memberWriter, error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	s.own = append(s.own, f)
	return &memberWriter{spool: s, name: name, file: f, sum: sha256.New(), buf: bufio.NewWriterSize(f, 256<<10)}, nil
}

// memberWriter writes one member.
type memberWriter struct {
	spool        *spool
	name         string
	file         *os.File
	buf          *bufio.Writer
	sum          hash.Hash
	offset, size int64
}

func (w *memberWriter) Write(b []byte) (int, error) {
	n, err := w.buf.Write(b)
	w.sum.Write(b[:n])
	if w.size += int64(n); err == nil && w.size > pack.MaxMemberBytes {
		err = fmt.Errorf("%s would have more than %d bytes: narrow the period or the condition", w.name, int64(pack.MaxMemberBytes))
	}
	return n, err
}

func (w *memberWriter) end() error {
	if err := w.buf.Flush(); err != nil {
		return fmt.Errorf("spool %s: %w", w.name, err)
	}
	if w.file == w.spool.shared {
		w.spool.size += w.size
	}
	w.spool.members = append(w.spool.members, member{
		Member: pack.Member{Name: w.name, Size: w.size, SHA256: ledger.Hash(w.sum.Sum(nil))}, file: w.file, offset: w.offset,
	})
	return nil
}

// tarWriter writes members one after the other.
type tarWriter struct {
	w     io.Writer
	bytes int64
}

func (t *tarWriter) member(name string, size int64, content io.Reader) error {
	header, err := pack.Header(name, size)
	if err != nil {
		return err
	}
	if err := t.write(header); err != nil {
		return err
	}
	n, err := io.Copy(t.w, content)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	t.bytes += n
	return t.write(make([]byte, pack.Padding(size)))
}

func (t *tarWriter) write(b []byte) error {
	n, err := t.w.Write(b)
	t.bytes += int64(n)
	return err
}

func (t *tarWriter) end() error { return t.write(make([]byte, pack.EndBytes)) }
