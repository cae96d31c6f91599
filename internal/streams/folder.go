package streams

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// Names in the data folder and in the folder of a stream.
const (
	currentName = "stream.json" // which stream is current; absent: the first one
	markerName  = "rotate"      // the id of a stream that is to be rotated
	streamsDir  = "streams"     // a folder for each stream but the first
	keyName     = "stream.key"
	openName    = "stream.open"
	idsName     = "before.ids" // what a retry of an event of an earlier stream is recognised by
	walName     = "wal"
)

// Folder is where the streams of one node are.
//
// The first stream lies in Dir itself; each later one in Dir/streams/<id>, which is
// whole before stream.json says that it is current. A stream that is not current any
// more is never written to again; its folder may be removed.
type Folder struct {
	Dir  string
	FS   durable.FS
	Root string // the root verifier key, from our own configuration

	KeyFile, OpenFile string // of the first stream
	NextDir           string // where successors wait: a folder each, with key and certificate

	// LoadKey opens the key of a stream, whose certificate names it vkey. The file holds
	// it, or says where it is.
	LoadKey func(file, vkey string) (ledger.Signer, error)
}

// current is stream.json.
type current struct {
	Version int       `json:"version"`
	Stream  uuid.UUID `json:"stream"`
	// Next is the stream that will be current. It is here before the closing commit of
	// Stream names it: whoever finds that closed goes on with it.
	Next uuid.UUID `json:"next,omitzero"`
}

// currentVersion is the version of stream.json.
const currentVersion = 1

// certified is a stream with its certificate and the files that make it up.
type certified struct {
	open              ledger.Open
	raw               []byte
	keyFile, openFile string
	dir               string // of wal/, ledger/ and spool/
}

func (s *certified) ends() time.Time { return s.open.OpenedAt.Add(ledger.StreamLife) }

func (s *certified) walDir() string { return filepath.Join(s.dir, walName) }

// load reads stream.json; without it, the first stream is the current one.
func (f *Folder) load() (c current, err error) {
	name := filepath.Join(f.Dir, currentName)
	raw, err := durable.ReadFile(f.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := f.noLaterLog(); err != nil {
			return c, err
		}
		first, err := f.read(f.Dir, f.KeyFile, f.OpenFile)
		if err != nil {
			return c, fmt.Errorf("stream certificate (init makes it): %w", err)
		}
		return current{Version: currentVersion, Stream: first.open.Stream}, nil
	}
	if err != nil {
		return c, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("read %s: %w", name, err)
	}
	if c.Version != currentVersion {
		return c, fmt.Errorf("%s: version %d, want %d", name, c.Version, currentVersion)
	}
	return c, nil
}

// begin is load at the start of a process. What the last one wrote may be read and yet
// not be on the disk. It has to be, before a stream takes events because it is current:
// with a loss of power the one before it would be that again, and would find this one
// begun, or make its log anew.
func (f *Folder) begin() (current, error) {
	c, err := f.load()
	if err != nil {
		return c, err
	}
	if err := f.FS.SyncDir(f.Dir); err != nil {
		return c, fmt.Errorf("sync folder %s: %w", f.Dir, err)
	}
	return c, nil
}

// noLaterLog refuses to take the first stream for the current one when there are logs
// of later ones: stream.json is lost, and they may hold what was acknowledged.
func (f *Folder) noLaterLog() error {
	dir := filepath.Join(f.Dir, streamsDir)
	entries, err := f.FS.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		log := filepath.Join(dir, e.Name(), walName)
		if _, err := f.FS.ReadDir(log); err == nil {
			return fmt.Errorf("%s is missing, but there is %s: write {\"version\":%d,\"stream\":\"<id>\"} into it, with the id of the stream that was current (archiver stream list shows which are closed)",
				filepath.Join(f.Dir, currentName), log, currentVersion)
		}
	}
	return nil
}

func (f *Folder) save(c current) error {
	c.Version = currentVersion
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return durable.WriteFile(f.FS, filepath.Join(f.Dir, currentName), append(raw, '\n'), 0o600)
}

// Current is the id of the current stream.
func (f *Folder) Current() (uuid.UUID, error) {
	c, err := f.load()
	return c.Stream, err
}

// find is where a stream is that is or was current.
func (f *Folder) find(stream uuid.UUID) (*certified, error) {
	dir := f.dirOf(stream)
	s, err := f.read(dir, filepath.Join(dir, keyName), filepath.Join(dir, openName))
	if errors.Is(err, fs.ErrNotExist) {
		s, err = f.read(f.Dir, f.KeyFile, f.OpenFile)
		if err != nil {
			return nil, fmt.Errorf("stream certificate: %w", err)
		}
		if s.open.Stream != stream {
			return nil, fmt.Errorf("%s says that stream %s is current, but there is no %s, and %s is of stream %s",
				currentName, stream, dir, f.OpenFile, s.open.Stream)
		}
	}
	return s, err
}

func (f *Folder) dirOf(stream uuid.UUID) string {
	return filepath.Join(f.Dir, streamsDir, stream.String())
}

func (f *Folder) read(dir, keyFile, openFile string) (*certified, error) {
	raw, err := durable.ReadFile(f.FS, openFile)
	if err != nil {
		return nil, err
	}
	open, err := ledger.ParseOpen(raw, f.Root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", openFile, err)
	}
	return &certified{open: open, raw: raw, keyFile: keyFile, openFile: openFile, dir: dir}, nil
}

// Successor is a stream that was certified and waits to be begun.
type Successor struct {
	Path string
	Open ledger.Open // zero when Err is set
	Err  error       // why it cannot be used: it may be still being copied
}

// Ends is when its life is over.
func (s *Successor) Ends() time.Time { return s.Open.OpenedAt.Add(ledger.StreamLife) }

// Waiting lists the successors, oldest first, and behind them what looks like one
// and cannot be used. One that has begun may be among them, if we died before it was
// removed: its commits tell.
func (f *Folder) Waiting() ([]Successor, error) {
	entries, err := f.FS.ReadDir(f.NextDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("successors: %w", err)
	}
	var all []Successor
	for _, e := range entries {
		id, err := uuid.Parse(e.Name())
		if err != nil || !e.IsDir() || id.String() != e.Name() {
			continue
		}
		s := Successor{Path: filepath.Join(f.NextDir, e.Name())}
		s.Open, s.Err = f.check(s.Path, id)
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(x, y Successor) int {
		if (x.Err == nil) != (y.Err == nil) {
			if x.Err == nil {
				return -1
			}
			return 1
		}
		if c := x.Open.OpenedAt.Compare(y.Open.OpenedAt); c != 0 {
			return c
		}
		return strings.Compare(x.Path, y.Path)
	})
	return all, nil
}

// Last is the stream that a new successor is to continue: the one that will be current
// when all who wait have been. Without a current stream it is the end of what waits.
func (f *Folder) Last() (uuid.UUID, error) {
	all, err := f.Waiting()
	if err != nil {
		return uuid.Nil, err
	}
	all = slices.DeleteFunc(all, func(s Successor) bool { return s.Err != nil })
	last, err := f.Current()
	if err != nil && len(all) > 0 {
		last, err = all[0].Open.Previous, nil
	}
	for range all { // as often at most: they may be in a circle
		i := slices.IndexFunc(all, func(s Successor) bool { return s.Open.Previous == last })
		if i < 0 {
			break
		}
		last = all[i].Open.Stream
	}
	return last, err
}

// check reads a successor's certificate and key.
func (f *Folder) check(dir string, id uuid.UUID) (ledger.Open, error) {
	s, err := f.read(dir, filepath.Join(dir, keyName), filepath.Join(dir, openName))
	if err != nil {
		return ledger.Open{}, err
	}
	if s.open.Stream != id {
		return ledger.Open{}, fmt.Errorf("%s is of stream %s", s.openFile, s.open.Stream)
	}
	key, err := f.LoadKey(s.keyFile, s.open.VKey)
	if err != nil {
		return ledger.Open{}, err
	}
	if key.VKey() != s.open.VKey {
		return ledger.Open{}, fmt.Errorf("%s is not the key that its certificate names", s.keyFile)
	}
	return s.open, nil
}

// adopt copies key and certificate of a successor to where its log will be, the
// certificate last. The next folder may be on another disk, so nothing is moved.
func (f *Folder) adopt(s *Successor) error {
	dir := f.dirOf(s.Open.Stream)
	if err := durable.MkdirAll(f.FS, dir, 0o700); err != nil {
		return err
	}
	for _, name := range []string{keyName, openName} {
		raw, err := durable.ReadFile(f.FS, filepath.Join(s.Path, name))
		if err != nil {
			return err
		}
		if err := durable.WriteFile(f.FS, filepath.Join(dir, name), raw, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// forget removes a successor from the next folder once it is current: its key is
// then in one place only.
func (f *Folder) forget(stream uuid.UUID) error {
	dir := filepath.Join(f.NextDir, stream.String())
	if _, err := f.FS.ReadDir(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range []string{filepath.Join(dir, keyName), filepath.Join(dir, openName), dir} {
		if err := f.FS.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return f.FS.SyncDir(f.NextDir)
}

// NewKey makes the key of a stream under a name. save writes a file that LoadKey opens.
type NewKey func(name string) (key ledger.Signer, save func(file string) error, _ error)

// KeyInFile makes a key that is in its file.
func KeyInFile(name string) (ledger.Signer, func(file string) error, error) {
	key, err := ledger.NewKey(name)
	return key, func(file string) error { return ledger.SaveKey(file, key) }, err
}

// Make certifies a successor: a new key, and a certificate by the root key, in a folder
// of nextDir, whole or not at all. previous is the stream that it continues.
func Make(nextDir string, about ledger.Archive, root ledger.Signer, newKey NewKey, previous uuid.UUID, now time.Time) (Successor, error) {
	id := uuid.New()
	s, err := makeIn(nextDir, id, about, root, newKey, previous, now.UTC().Truncate(time.Second))
	if err != nil {
		return Successor{}, fmt.Errorf("make successor %s: %w", id, err)
	}
	return s, nil
}

func makeIn(nextDir string, id uuid.UUID, about ledger.Archive, root ledger.Signer, newKey NewKey, previous uuid.UUID, now time.Time) (s Successor, _ error) {
	key, saveKey, err := newKey(ledger.StreamName(about.ID, id))
	if err != nil {
		return s, err
	}
	raw, err := ledger.SignOpen(ledger.Open{Archive: about.ID, Stream: id, VKey: key.VKey(), Previous: previous,
		OpenedAt: now, RetainUntil: about.RetainUntil(now)}, root)
	if err != nil {
		return s, err
	}
	if s.Open, err = ledger.ParseOpen(raw, root.VKey()); err != nil {
		return s, err
	}
	fsys := durable.OS()
	s.Path = filepath.Join(nextDir, id.String())
	temp := filepath.Join(nextDir, ".new-"+id.String()) // no id, so nobody takes it for a successor
	if err := durable.MkdirAll(fsys, temp, 0o700); err != nil {
		return s, err
	}
	if err := saveKey(filepath.Join(temp, keyName)); err != nil {
		return s, err
	}
	if err := durable.WriteFile(fsys, filepath.Join(temp, openName), raw, 0o600); err != nil {
		return s, err
	}
	if err := fsys.Rename(temp, s.Path); err != nil {
		return s, err
	}
	return s, fsys.SyncDir(nextDir)
}

// AskToRotate asks the process that writes the current stream to go on with a
// successor: soon, or at its next start. It returns the stream that will be closed. Who
// asks again is heard again. Anybody may read the wish: root may ask, and the process
// runs as somebody else.
func (f *Folder) AskToRotate() (uuid.UUID, error) {
	stream, err := f.Current()
	if err != nil {
		return uuid.Nil, err
	}
	wish := stream.String() + "\n" + uuid.NewString() + "\n"
	return stream, durable.WriteFile(f.FS, filepath.Join(f.Dir, markerName), []byte(wish), 0o644)
}

// wish is what the one who asked last for that stream to be rotated wrote, which is like
// nobody else's; "" when nobody has.
func (f *Folder) wish(stream uuid.UUID) (string, error) {
	all, err := f.anyWish()
	if err != nil || !strings.HasPrefix(all, stream.String()) {
		return "", err
	}
	return all, nil
}

// anyWish is the one for whatever stream.
func (f *Folder) anyWish() (string, error) {
	raw, err := durable.ReadFile(f.FS, filepath.Join(f.Dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(raw), err
}

// answered removes the wish to rotate a stream that is not current any more. One that
// cannot be read may be another.
func (f *Folder) answered(now uuid.UUID) error {
	all, err := f.anyWish()
	if err != nil || strings.HasPrefix(all, now.String()) {
		return err
	}
	if err := f.FS.Remove(filepath.Join(f.Dir, markerName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
