package pack

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// ErrVersion: the pack is of a version that this program does not know.
var ErrVersion = errors.New("version of the pack")

// CheckRoot says whether a text is a root verifier key.
func CheckRoot(root string) error {
	_, err := ledger.ParseRootName(root)
	return err
}

// Whole is a committed file that is in a pack as a whole.
type Whole struct {
	ledger.File
	Content *io.SectionReader
}

// Row names a row.
type Row struct {
	Stream uuid.UUID
	Seq    int64
}

// Select evaluates the condition of a statement over whole files: it yields the rows
// of the period that match, in order of streams and seqs.
type Select func(ctx context.Context, s *Statement, files []Whole) iter.Seq2[Row, error]

// Check judges the pack of size bytes in r by the root verifier key, which must
// not come from the pack. With a condition and whole files, what again selects is
// compared with the rows that are here; without again (nil) the report says that
// nobody looked. An error means that it could not look: the pack cannot
// be read, is of another version, or ctx ended. Memory is bounded by the limits of
// this package, whatever the pack holds; in practice it grows with the members
// and with the rows of one proof, not with the rows.
func Check(ctx context.Context, r io.ReaderAt, size int64, root string, again Select) (*Report, error) {
	archive, err := ledger.ParseRootName(root)
	if err != nil {
		return nil, err
	}
	c := &checker{ctx: ctx, r: r, root: root, again: again, report: Report{Result: OK, Findings: []Finding{}, Archive: archive}}
	for _, step := range []func() error{
		func() error { return c.open(size) }, c.hashes, c.ledger, c.statement, c.rows, c.strangers,
	} {
		before := len(c.report.Findings)
		if err := c.report.find(step()); err != nil {
			return nil, fmt.Errorf("check pack: %w", err)
		}
		if c.fatal && len(c.report.Findings) > before {
			break
		}
	}
	return &c.report, nil
}

// checker is one check. Its steps are methods; what one step finds out, the next one uses.
type checker struct {
	ctx    context.Context
	r      io.ReaderAt
	root   string
	again  Select
	report Report
	fatal  bool // a finding of this step makes the next steps meaningless

	names   []string         // in order
	members map[string]place // by name
	used    map[string]bool  // names that belong into this pack

	manifest Manifest
	build    Build
	streams  []string // verifier keys
	said     Statement
}

// open reads the tar file's headers and the manifest.
func (c *checker) open(size int64) (err error) {
	c.fatal = true
	if c.names, c.members, err = index(c.r, size); err != nil {
		return err
	}
	c.used = make(map[string]bool, len(c.names))
	raw, err := c.read(ManifestName, MaxManifestBytes)
	if err != nil {
		return err
	}
	if err := ledger.DecodeDocument(raw, &c.manifest); err != nil {
		return about(Altered, 1, ManifestName, "%v", err)
	}
	if c.manifest.Version != Version {
		return fmt.Errorf("%w is %d, this program reads %d", ErrVersion, c.manifest.Version, Version)
	}
	if !slices.IsSortedFunc(c.manifest.Members, func(a, b Member) int { return cmp.Or(cmp.Compare(a.Name, b.Name), -1) }) {
		return about(Altered, 1, ManifestName, "names are out of order")
	}
	if c.manifest.Archive != c.report.Archive {
		return about(UnknownKey, 1, ManifestName, "the pack is of archive %s, the root key of archive %s", c.manifest.Archive, c.report.Archive)
	}
	return nil
}

// read returns the content of a member that must be there.
func (c *checker) read(name string, most int64) ([]byte, error) {
	if err := context.Cause(c.ctx); err != nil {
		return nil, err
	}
	p, ok := c.members[name]
	if !ok {
		return nil, about(Missing, 1, name, "is not in the pack")
	}
	c.used[name] = true
	if p.size > most {
		return nil, about(Altered, 1, name, "has %d bytes, want at most %d", p.size, most)
	}
	b := make([]byte, p.size)
	if _, err := io.ReadFull(c.section(p), b); err != nil {
		return nil, short(p.offset, err)
	}
	return b, nil
}

func (c *checker) section(p place) *io.SectionReader {
	return io.NewSectionReader(c.r, p.offset, p.size)
}

// hashes compares every member with the manifest, and the manifest with the members.
func (c *checker) hashes() error {
	c.fatal = true
	want := c.manifest.Members
	for _, name := range c.names {
		if name == ManifestName {
			continue
		}
		for len(want) > 0 && want[0].Name < name {
			if err := c.report.find(about(Missing, 1, want[0].Name, "the manifest names it, and it is not in the pack")); err != nil {
				return err
			}
			want = want[1:]
		}
		if len(want) == 0 || want[0].Name != name {
			if err := c.report.find(about(Injected, 1, name, "the manifest does not name it")); err != nil {
				return err
			}
			continue
		}
		if err := c.hash(&want[0]); err != nil {
			return err
		}
		want = want[1:]
	}
	if len(want) > 0 {
		return about(Missing, 1, want[0].Name, "the manifest names it, and it is not in the pack")
	}
	return nil
}

func (c *checker) hash(m *Member) error {
	if err := context.Cause(c.ctx); err != nil {
		return err
	}
	p, sum := c.members[m.Name], sha256.New()
	if _, err := io.Copy(sum, c.section(p)); err != nil {
		return fmt.Errorf("read %s: %w", m.Name, err)
	}
	if p.size != m.Size || !bytes.Equal(sum.Sum(nil), m.SHA256[:]) {
		return c.report.find(about(Altered, 1, m.Name, "is not what the manifest says: size or SHA-256"))
	}
	return nil
}

// strangers finds members that the format does not know. Pages and results are
// for people: that they are what the manifest says is all that is known of them.
func (c *checker) strangers() error {
	for _, name := range c.names {
		switch {
		case c.used[name], name == ManifestName, name == SummaryHTML, name == SummaryText:
		case name == ResultName("doctor"), name == ResultName("verify"):
		default:
			if err := c.report.find(about(Injected, 1, name, "nothing in the statement or the ledger needs it")); err != nil {
				return err
			}
		}
	}
	return nil
}

// under yields the names that begin with dir.
func (c *checker) under(dir string) []string {
	var found []string
	for _, name := range c.names {
		if strings.HasPrefix(name, dir) {
			found = append(found, name)
		}
	}
	return found
}
