package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
)

const (
	stateVersion = 1
	archiveFile  = "archive.json"
	streamSuffix = ".stream.json"
	stateMode    = 0o600
	// maxRedo bounds the commits of a stream that are looked at again in each run
	// because something was found in them. With more, work stops to be remembered.
	maxRedo = 10_000
)

// memory is what this verifier accepted of one archive: a folder with one file
// for the archive and one for each stream. The folder belongs to one run at a time.
type memory struct {
	dir     string // "" when nothing is remembered
	archive uuid.UUID
	object  ledger.Hash // of the archive object; zero: none was accepted yet
	streams map[uuid.UUID]remembered
	lock    io.Closer

	mu sync.Mutex // one writer at a time
}

// remembered is what a verifier knows about a stream from earlier runs.
type remembered struct {
	Version int       `json:"version"`
	Archive uuid.UUID `json:"archive"`
	Stream  uuid.UUID `json:"stream"`
	// Checkpoint is the last one that was accepted; Size 0: none was.
	Checkpoint checkpoint `json:"checkpoint"`
	// Objects and Content say how far levels 2 and 3 have come.
	Objects work `json:"objects"`
	Content work `json:"content"`
}

type checkpoint struct {
	Size        int64       `json:"size"` // commits
	Root        ledger.Hash `json:"root"` // of the log's tree
	NextSeq     int64       `json:"next_seq"`
	Through     time.Time   `json:"through"`
	RetainUntil time.Time   `json:"retain_until"` // of the stream's ledger: then it may go
}

// work is what was looked at: the commits below Through, except Redo.
type work struct {
	Through int64       `json:"through"`
	Root    ledger.Hash `json:"root"` // of the log's tree with Through commits: work on another history is no work
	Redo    []int64     `json:"redo"` // in order
	At      time.Time   `json:"at"`
}

func (w *work) has(index int64) bool {
	if index >= w.Through {
		return false
	}
	_, again := slices.BinarySearch(w.Redo, index)
	return !again
}

type rememberedArchive struct {
	Version int         `json:"version"`
	Archive uuid.UUID   `json:"archive"`
	Object  ledger.Hash `json:"object"` // SHA-256 of the archive object
}

// openMemory reads what was remembered about an archive. A damaged file is an
// error: who could damage it could make us forget a stream.
func openMemory(state string, archive uuid.UUID) (_ *memory, err error) {
	m := &memory{archive: archive, streams: make(map[uuid.UUID]remembered)}
	if state == "" {
		return m, nil
	}
	m.dir = filepath.Join(state, archive.String())
	if err := durable.MkdirAll(durable.OS(), m.dir, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if m.lock, err = durable.Lock(m.dir); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := m.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("state: %w", err), m.close())
	}
	return m, nil
}

func (m *memory) load() error {
	var a rememberedArchive
	err := m.read(archiveFile, &a)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case a.Version != stateVersion || a.Archive != m.archive:
		return fmt.Errorf("%s: is version %d of archive %s", filepath.Join(m.dir, archiveFile), a.Version, a.Archive)
	}
	m.object = a.Object
	names, err := durable.OS().ReadDir(m.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		id, ok := strings.CutSuffix(name.Name(), streamSuffix)
		if !ok {
			continue
		}
		var s remembered
		if err := m.read(name.Name(), &s); err != nil {
			return err
		}
		if s.Version != stateVersion || s.Archive != m.archive || s.Stream.String() != id || !slices.IsSorted(s.Objects.Redo) || !slices.IsSorted(s.Content.Redo) {
			return fmt.Errorf("%s: is version %d of stream %s of archive %s", filepath.Join(m.dir, name.Name()), s.Version, s.Stream, s.Archive)
		}
		m.streams[s.Stream] = s
	}
	return nil
}

func (m *memory) read(name string, doc any) error {
	path := filepath.Join(m.dir, name)
	raw, err := durable.ReadFile(durable.OS(), path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, doc); err != nil {
		return fmt.Errorf("%s is damaged: %w; put it back from a backup, or verify with another --state and compare the checkpoints", path, err)
	}
	return nil
}

func (m *memory) write(name string, doc any) error {
	if m.dir == "" {
		return nil
	}
	raw, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := durable.WriteFile(durable.OS(), filepath.Join(m.dir, name), append(raw, '\n'), stateMode); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// save replaces what is remembered about a stream.
func (m *memory) save(s remembered) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Version, s.Archive = stateVersion, m.archive
	m.streams[s.Stream] = s
	return m.write(s.Stream.String()+streamSuffix, s)
}

func (m *memory) saveArchive(object ledger.Hash) error {
	if m.object == object {
		return nil
	}
	m.object = object
	return m.write(archiveFile, rememberedArchive{stateVersion, m.archive, object})
}

func (m *memory) close() error {
	if m.lock == nil {
		return nil
	}
	return m.lock.Close()
}
