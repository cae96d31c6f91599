package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
	"github.com/audit-archiver/archiver/testenv/gen"
)

const class = "standard"

var firstDay = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// data is the archive that is asked: a folder in place of a bucket, and what is worth asking for.
type data struct {
	Dir    string
	Files  []athena.File
	Needle needle
	seed   func(day int) *gen.Generator
	each   int // rows of a file
}

// needle is what the questions look for.
type needle struct{ Actor, ResourceType, ResourceID, RequestID, ID string }

func (d *data) bytes() (n int64) {
	for i := range d.Files {
		n += d.Files[i].Size
	}
	return n
}

// makeFiles writes a file for each day, or finds them written.
func makeFiles(dir string, o options) (*data, error) {
	d := &data{Dir: dir, each: o.rows / o.files}
	rate := (d.each + 86_399) / 86_400
	d.seed = func(day int) *gen.Generator { return gen.New(uint64(day+1), firstDay.AddDate(0, 0, day), rate) }
	index := filepath.Join(dir, "files.json")
	if raw, err := os.ReadFile(index); err == nil {
		return d, json.Unmarshal(raw, d)
	}
	d.Files = make([]athena.File, o.files)
	counts := make([]counter, o.files)
	var g errgroup.Group
	g.SetLimit(2)
	for day := range d.Files {
		g.Go(func() (err error) {
			counts[day].init()
			d.Files[day], err = d.write(day, &counts[day])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i := range counts[1:] {
		counts[0].merge(&counts[1+i])
	}
	d.Needle = counts[0].pick(o.rows)
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return d, os.WriteFile(index, raw, 0o644)
}

// write makes the file of one day under the name that it has in a bucket.
func (d *data) write(day int, count *counter) (_ athena.File, err error) {
	stream := uuid.MustParse("0198c0de-0000-7000-8000-000000000000")
	first := int64(day) * int64(d.each)
	date := firstDay.AddDate(0, 0, day).Format(time.DateOnly)
	key := ledger.DataName(class, date, stream, first, first+int64(d.each)-1)
	path := filepath.Join(d.Dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return athena.File{}, err
	}
	file, err := os.Create(path)
	if err != nil {
		return athena.File{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := &summed{hash: sha256.New()}
	out := bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<20)
	w := parquet.NewWriter(out, parquet.Options{Stream: stream, Class: class, Day: date})
	f := athena.File{Key: key, VersionID: "v", Class: class, Day: date}
	events := d.seed(day)
	for done := 0; done < d.each; {
		rows := events.Rows(min(10_000, d.each-done), stream, first+int64(done))
		for i := range rows {
			count.add(&rows[i])
		}
		if done == 0 {
			f.MinTimestampNS = rows[0].TimestampNS
		}
		f.MaxTimestampNS = rows[len(rows)-1].TimestampNS
		if err := w.Write(rows...); err != nil {
			return f, err
		}
		done += len(rows)
	}
	if err := errors.Join(w.Close(), out.Flush()); err != nil {
		return f, err
	}
	f.Size = sum.n
	f.SHA256 = [sha256.Size]byte(sum.hash.Sum(nil))
	return f, nil
}

type summed struct {
	hash hash.Hash
	n    int64
}

func (s *summed) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return s.hash.Write(p)
}

// counter counts what the events are about.
type counter struct {
	actors    map[string]int
	resources map[[2]string]int
	ids       [][2]string // some ids and request ids
}

func (c *counter) init() {
	c.actors, c.resources = make(map[string]int), make(map[[2]string]int)
}

func (c *counter) add(r *event.Row) {
	c.actors[r.ActorID]++
	c.resources[[2]string{r.ResourceType, r.ResourceID.S}]++
	if r.Seq%99_991 == 4711 {
		c.ids = append(c.ids, [2]string{r.ID, r.RequestID.S})
	}
}

func (c *counter) merge(o *counter) {
	for k, n := range o.actors {
		c.actors[k] += n
	}
	for k, n := range o.resources {
		c.resources[k] += n
	}
	c.ids = append(c.ids, o.ids...)
}

// pick takes the rarest actor, and a resource that one event in 50,000 is about, which is as rare.
func (c *counter) pick(rows int) needle {
	var n needle
	for actor, count := range c.actors {
		if best := c.actors[n.Actor]; n.Actor == "" || cmp.Or(cmp.Compare(count, best), cmp.Compare(actor, n.Actor)) < 0 {
			n.Actor = actor
		}
	}
	off := func(count int) int { return max(count-rows/50_000, rows/50_000-count) }
	var best [2]string
	for thing, count := range c.resources {
		if best[0] == "" || cmp.Or(cmp.Compare(off(count), off(c.resources[best])), slices.Compare(thing[:], best[:])) < 0 {
			best = thing
		}
	}
	n.ResourceType, n.ResourceID = best[0], best[1]
	middle := c.ids[len(c.ids)/2]
	n.ID, n.RequestID = middle[0], middle[1]
	return n
}

// Get implements cache.Store on the folder.
func (d *data) Get(_ context.Context, key, version string) (io.ReadCloser, error) {
	if version != "v" {
		return nil, fmt.Errorf("%w: version %s", object.ErrNotFound, version)
	}
	return os.Open(filepath.Join(d.Dir, filepath.FromSlash(key)))
}
