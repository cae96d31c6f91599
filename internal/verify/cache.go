package verify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

const (
	cacheFile = "ledger.cache"
	// maxKept bounds the objects that are kept: those of a ledger are small.
	maxKept = ledger.MaxCommitBytes
	// maxFresh and maxAdded bound what one run keeps until it knows what is true, in
	// bytes and in objects: 50 MB of memory. Whoever floods the bucket fills neither the
	// disk nor the memory of the auditor. Of a ledger with more new commits the rest is
	// fetched again by the next run.
	maxFresh = 2 << 30
	maxAdded = 200_000
)

// version names one version of one object.
type version struct{ key, id string }

// cache is a bucket of which the small objects of the ledger are kept on our own
// disk, so that a run fetches only what is new. What it hands out is verified like
// anything else from the bucket; that the versions are still there, listings show.
type cache struct {
	object.Store
	file *os.File // what is kept: heads and bodies, one after the other; nil: nothing is kept
	end  int64

	mu    sync.Mutex
	index map[version]piece // in file
	fresh *os.File          // what was fetched in this run, true or not; removed at its end
	size  int64
	added map[version]piece // in fresh
}

// piece is where a body is.
type piece struct{ off, size int64 }

// keptHead is one line before a body in the file.
type keptHead struct {
	Key     string      `json:"key"`
	Version string      `json:"version"`
	Size    int64       `json:"size"`
	SHA256  ledger.Hash `json:"sha256"`
}

// openCache opens what is kept in dir; "" keeps nothing. A file that ends in the
// middle, or is damaged, is good up to there: the rest is fetched again.
func openCache(store object.Store, dir string, anew bool) (_ *cache, err error) {
	c := &cache{Store: store, index: make(map[version]piece), added: make(map[version]piece)}
	if dir == "" {
		return c, nil
	}
	if c.file, err = os.OpenFile(filepath.Join(dir, cacheFile), os.O_RDWR|os.O_CREATE, stateMode); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if !anew {
		if err := c.load(); err != nil {
			return nil, errors.Join(fmt.Errorf("state: %s: %w", cacheFile, err), c.file.Close())
		}
	}
	if err := c.file.Truncate(c.end); err != nil {
		return nil, errors.Join(fmt.Errorf("state: %w", err), c.file.Close())
	}
	if c.fresh, err = os.CreateTemp(dir, cacheFile+".*.tmp"); err != nil {
		return nil, errors.Join(fmt.Errorf("state: %w", err), c.file.Close())
	}
	if err := os.Remove(c.fresh.Name()); err != nil { // nobody else needs its name
		return nil, errors.Join(fmt.Errorf("state: %w", err), c.file.Close(), c.fresh.Close())
	}
	return c, nil
}

// load reads the heads. It stops without an error at the first piece that is not whole.
func (c *cache) load() error {
	r := bufio.NewReaderSize(io.NewSectionReader(c.file, 0, 1<<62), 1<<20)
	body := new(bytes.Buffer)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nonEOF(err)
		}
		var h keptHead
		if json.Unmarshal(line, &h) != nil || h.Size < 0 || h.Size > maxKept {
			return nil //nolint:nilerr // a damaged end is no error
		}
		begin := c.end + int64(len(line))
		body.Reset()
		if _, err := io.CopyN(body, r, h.Size); err != nil {
			return nonEOF(err)
		}
		if sha256.Sum256(body.Bytes()) != h.SHA256 {
			return nil
		}
		c.index[version{h.Key, h.Version}] = piece{begin, h.Size}
		c.end = begin + h.Size
	}
}

func nonEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, bufio.ErrBufferFull) {
		return nil
	}
	return err
}

// Get implements object.Store.
func (c *cache) Get(ctx context.Context, key, id string) (io.ReadCloser, error) {
	if c.file == nil {
		return c.Store.Get(ctx, key, id)
	}
	name := version{key, id}
	c.mu.Lock()
	p, ok := c.index[name]
	c.mu.Unlock()
	if ok {
		return io.NopCloser(io.NewSectionReader(c.file, p.off, p.size)), nil
	}
	body, err := c.Store.Get(ctx, key, id)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(body, maxKept+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	if len(b) <= maxKept {
		if err := c.add(name, b); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (c *cache) add(name version, b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.added) >= maxAdded || c.size+int64(len(b)) > maxFresh {
		return nil
	}
	if _, err := c.fresh.WriteAt(b, c.size); err != nil {
		return fmt.Errorf("state: keep %s: %w", name.key, err)
	}
	c.added[name] = piece{c.size, int64(len(b))}
	c.size += int64(len(b))
	return nil
}

// keep adds to the file what was fetched and is true. The file needs no sync: what
// a crash takes from it is fetched again.
func (c *cache) keep(true func(key, id string) bool) error {
	if c.file == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	w := bufio.NewWriter(io.NewOffsetWriter(c.file, c.end))
	for name, p := range c.added {
		if !true(name.key, name.id) {
			continue
		}
		b := make([]byte, p.size)
		if _, err := c.fresh.ReadAt(b, p.off); err != nil {
			return fmt.Errorf("state: %w", err)
		}
		head, err := json.Marshal(keptHead{name.key, name.id, p.size, sha256.Sum256(b)})
		if err != nil {
			return fmt.Errorf("state: %w", err)
		}
		if _, err := w.Write(append(append(head, '\n'), b...)); err != nil {
			return fmt.Errorf("state: %w", err)
		}
		begin := c.end + int64(len(head)) + 1
		c.index[name], c.end = piece{begin, p.size}, begin+p.size
	}
	clear(c.added)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

func (c *cache) close() error {
	if c.file == nil {
		return nil
	}
	return errors.Join(c.file.Close(), c.fresh.Close())
}
