package pack

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// ledger checks the archive object, every stream and its commits by the root key,
// and what the pack repeats of them.
func (c *checker) ledger() error {
	c.fatal = true
	// The statement says which files matter; all that it says is compared later.
	raw, err := c.read(StatementName, MaxStatementBytes)
	if err != nil {
		return err
	}
	if err := ledger.DecodeDocument(raw, &c.said); err != nil {
		return about(Altered, 1, StatementName, "%v", err)
	}
	if err := c.said.check(); err != nil {
		return about(Altered, 1, StatementName, "%v", err)
	}
	c.build = Build{FromNS: c.said.FromNS, ToNS: c.said.ToNS}
	archive, err := c.read(ArchiveName, ledger.MaxNoteBytes)
	if err != nil {
		return err
	}
	if _, err := ledger.ParseArchive(archive, c.root); err != nil {
		return about(Altered, 1, ArchiveName, "%v", err)
	}
	ids, err := c.streamIDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.stream(id); err != nil {
			return err
		}
	}
	keys, err := c.read(KeysName, MaxStatementBytes)
	if err != nil {
		return err
	}
	if !bytes.Equal(keys, Keys(c.root, c.streams)) {
		return about(Altered, 1, KeysName, "other keys than the root key and those of the streams")
	}
	return nil
}

// streamIDs returns the streams with an open object, in order of ids.
func (c *checker) streamIDs() (ids []uuid.UUID, _ error) {
	for _, name := range c.under(ledgerDir) {
		text, ok := strings.CutSuffix(strings.TrimPrefix(name, ledgerDir), "/open")
		if !ok {
			continue
		}
		id, err := uuid.Parse(text)
		if err != nil || id.String() != text {
			return nil, about(Injected, 1, name, "no stream has such an id")
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (c *checker) stream(id uuid.UUID) error {
	name := OpenName(id)
	raw, err := c.read(name, ledger.MaxNoteBytes)
	if err != nil {
		return err
	}
	open, err := ledger.ParseOpen(raw, c.root)
	if err == nil && open.Stream != id {
		err = fmt.Errorf("is for stream %s", open.Stream)
	}
	if err != nil {
		return about(UnknownKey, 1, name, "%v", err)
	}
	head, err := ledger.NewHead(raw, c.root)
	if err != nil {
		return about(UnknownKey, 1, name, "%v", err)
	}
	c.streams = append(c.streams, open.VKey)
	c.build.Begin(id)
	var checkpoint []byte
	for {
		name := CommitName(id, head.Index+1)
		if _, ok := c.members[name]; !ok {
			break // whether one is missing at the end, only somebody else can say
		}
		raw, err := c.read(name, ledger.MaxCommitBytes)
		if err != nil {
			return err
		}
		next, commit, err := head.Verify(raw)
		if err != nil {
			f := about(Altered, 1, name, "%v", err)
			f.Stream = id.String()
			return f
		}
		c.build.Add(&commit.Manifest)
		head, checkpoint = next, commit.Checkpoint
		c.report.Commits++
	}
	c.build.End(&head)
	if head.Index < 0 {
		return nil
	}
	name = CheckpointName(id)
	repeated, err := c.read(name, ledger.MaxNoteBytes)
	if err != nil {
		return err
	}
	if !bytes.Equal(repeated, checkpoint) {
		return about(Altered, 1, name, "is not the checkpoint of commit %d", head.Index)
	}
	return nil
}

// statement compares what the pack says with what the ledger says.
func (c *checker) statement() error {
	c.fatal = true
	s := c.build.Statement(c.report.Archive)
	s.Created, s.Writer, s.Where, s.WholeFiles = c.said.Created, c.said.Writer, c.said.Where, c.said.WholeFiles
	if len(s.Files) != len(c.said.Files) {
		return about(Altered, 1, StatementName, "names %d files of the period, the commits %d", len(c.said.Files), len(s.Files))
	}
	for i := range s.Files {
		n := c.said.Files[i].Exported
		if n < 0 || n > s.Files[i].Rows {
			return about(Altered, 1, StatementName, "%s: %d of %d rows", c.said.Files[i].Key, n, s.Files[i].Rows)
		}
		s.Files[i].Exported = n
		s.Rows += n
	}
	want, err := ledger.EncodeDocument(s)
	if err != nil {
		return err
	}
	got, err := ledger.EncodeDocument(c.said)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return about(Altered, 1, StatementName, "is not what the commits in the pack say")
	}
	c.said = s
	c.report.Statement = &c.said
	return nil
}
