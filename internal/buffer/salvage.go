package buffer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
)

// Damage is a place in a log that cannot be read and that held something which was
// acknowledged, or may have.
type Damage struct {
	Segment string `json:"segment"` // file name
	Offset  int64  `json:"offset"`
	Reason  string `json:"reason"`
	// AtEnd: nothing intact follows, so how much was there cannot be told.
	AtEnd bool `json:"at_end,omitzero"`
}

// Salvaged is what is intact of a log that Open refuses.
type Salvaged struct {
	// Batches are those that the log has sealed, as far as their seals are there, and
	// what no seal covers; what is lost of them is in batches of its own.
	Batches []*ShippedBatch
	Damage  []Damage // none: Open would not have refused it
	files   []durable.File
}

// Close gives the files back; the batches cannot be read afterwards.
func (s *Salvaged) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Salvage reads the log in dir, and of what is damaged whatever is intact: each frame
// has its own checksum and says which seqs it holds. It changes nothing, and gives the
// same batches whenever it is run on the same log with the same options. A segment that
// this program is too old for is ErrNewer: it is not lost. The caller holds the lock of
// the folder, and closes what it gets.
func Salvage(ctx context.Context, fsys durable.FS, dir string, o ShippedOptions) (_ *Salvaged, err error) {
	s := &salvage{log: NewShipped(o), fsys: fsys, dir: dir, o: o}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("salvage %s: %w", dir, err), s.out.Close())
		}
	}()
	numbers, err := s.list()
	if err != nil {
		return nil, err
	}
	for i, n := range numbers {
		if i > 0 && numbers[i-1] != n-1 {
			s.damaged(segmentName(n-1), 0, false, "segment is missing")
		}
		if err := s.segment(n, i == len(numbers)-1); err != nil {
			return nil, err
		}
	}
	if err := s.gather(ctx); err != nil {
		return nil, err
	}
	return &s.out, nil
}

// Newer says, with ErrNewer, which segment in dir is of a newer program, so that whoever
// is about to call Salvage knows before anything is done. Nothing else is an error.
func Newer(fsys durable.FS, dir string) (err error) {
	s := &salvage{fsys: fsys, dir: dir}
	defer func() { err = errors.Join(err, s.out.Close()) }()
	numbers, err := s.list()
	if err != nil {
		return nil // for Salvage to say
	}
	for _, n := range numbers {
		if _, _, err := s.header(n); errors.Is(err, ErrNewer) {
			return err
		}
	}
	return nil
}

// salvage is one run of Salvage.
type salvage struct {
	o    ShippedOptions
	fsys durable.FS
	dir  string
	log  *Shipped
	out  Salvaged
	runs []intactRun
}

// intactRun is a part of a segment without damage. A run without frames tells where a
// segment begins.
type intactRun struct {
	frames   io.ReaderAt
	size     int64
	firstSeq int64
	known    bool  // place is: the run follows a header
	place    Place // at its start
	seal     *seal // the first one in it
	nextSeq  int64 // after it
	received int64 // highest, Unix milliseconds
}

func (s *salvage) damaged(segment string, offset int64, atEnd bool, reason string) {
	s.out.Damage = append(s.out.Damage, Damage{segment, offset, reason, atEnd})
}

func (s *salvage) list() (numbers []int64, _ error) {
	entries, err := s.fsys.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		n, err := strconv.ParseInt(base, 10, 64)
		if ok && err == nil && segmentName(n) == e.Name() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// badHeader is why a segment has no header that says anything.
type badHeader string

func (e badHeader) Error() string { return string(e) }

// header opens a segment and reads its header.
func (s *salvage) header(number int64) (*window, header, error) {
	name := segmentName(number)
	f, err := s.fsys.OpenFile(filepath.Join(s.dir, name), os.O_RDONLY, 0)
	if err != nil {
		return nil, header{}, err
	}
	s.out.files = append(s.out.files, f)
	size, err := f.Size()
	if err != nil {
		return nil, header{}, err
	}
	w := &window{r: f, size: size}
	raw, err := w.at(0, headerBytes)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return w, header{}, badHeader("no header")
	} else if err != nil {
		return w, header{}, err
	}
	h, _, err := decodeHeader(raw)
	if errors.Is(err, ErrNewer) {
		return w, h, fmt.Errorf("segment %s: %w", name, err)
	}
	if err == nil && (h.stream != s.o.Stream || h.number != number) {
		err = fmt.Errorf("is segment %d of stream %s", h.number, h.stream)
	}
	if err != nil {
		return w, h, badHeader(err.Error())
	}
	return w, h, nil
}

// segment finds the runs of one segment.
func (s *salvage) segment(number int64, last bool) error {
	name := segmentName(number)
	w, h, err := s.header(number)
	if errors.As(err, new(badHeader)) {
		// Without it nobody knows which frames are of this use of the file.
		s.damaged(name, 0, last, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	limit := min(w.size, h.size)
	run := intactRun{firstSeq: h.nextSeq, nextSeq: h.nextSeq, known: true, place: h.place()}
	for at := int64(headerBytes); ; {
		end, stop, err := s.run(w, &h, at, limit, &run)
		if err != nil {
			return err
		}
		next, found, err := later(w, &h, end+sector)
		if err != nil {
			return err
		}
		switch {
		case found:
			s.damaged(name, end, false, fmt.Sprintf("%v, before an intact frame at %d", stop, next))
			at, run = next, intactRun{}
			continue
		case !last && !errors.Is(stop, errEnd):
			s.damaged(name, end, false, stop.Error())
		case last && w.size < h.size && !(errors.Is(stop, errEnd) && end+sector <= w.size):
			s.damaged(name, end, true, fmt.Sprintf("file was cut to %d of %d bytes", w.size, h.size))
		}
		return nil
	}
}

// run reads frames from at on, as long as they follow each other.
func (s *salvage) run(w *window, h *header, at, limit int64, run *intactRun) (end int64, stop error, _ error) {
	start, begun := at, run.known
	for {
		fr, err := parseFrame(w.at, at, limit, h.salt())
		var bad badFrame
		if errors.Is(err, errEnd) || errors.As(err, &bad) {
			stop = err
			break
		} else if err != nil {
			return 0, nil, err
		}
		if begun && fr.firstSeq != run.nextSeq {
			stop = badFrame("frame does not follow the one before it")
			break
		}
		if !begun {
			run.firstSeq, run.nextSeq, begun = fr.firstSeq, fr.firstSeq, true
		}
		if fr.kind == typeSeal {
			sl, err := decodeSeal([]byte(string(fr.payload)))
			if err != nil {
				stop = err
				break
			}
			if run.seal == nil {
				run.seal = &sl
			}
		}
		run.nextSeq += fr.count
		run.received = max(run.received, fr.received)
		at = fr.next()
	}
	run.frames, run.size = io.NewSectionReader(w.r, start, at-start), at-start
	s.runs = append(s.runs, *run)
	return at, stop, nil
}

// gather puts the runs together.
func (s *salvage) gather(ctx context.Context) error {
	at := time.Unix(0, 0)
	end := s.o.NextSeq
	for _, r := range s.runs {
		if received := time.UnixMilli(r.received); received.After(at) {
			at = received
		}
	}
	at = at.Add(time.Second - 1).Truncate(time.Second)
	for i := range s.runs {
		r := &s.runs[i]
		end = max(end, r.nextSeq)
		if r.size == 0 {
			continue
		}
		if err := s.log.Add(ctx, s.placeOf(i), at, r.frames, r.size); err != nil {
			return err
		}
	}
	s.log.lose(end)
	var err error
	s.out.Batches, err = s.log.End(at)
	return err
}

// placeOf is where a run begins. A run behind damage does not say which batch it is
// in: the first seal after it does, or the next header; if neither is there, it is the
// batch that is open.
func (s *salvage) placeOf(i int) Place {
	r := &s.runs[i]
	if r.known {
		return r.place
	}
	p := Place{NextSeq: r.firstSeq, BatchFirst: s.log.first}
	if r.seal != nil {
		p.NextBatch, p.BatchFirst = r.seal.number, r.seal.first
		return p
	}
	for _, next := range s.runs[i+1:] {
		switch {
		case next.known && next.place.BatchFirst <= r.firstSeq:
			p.NextBatch, p.BatchFirst = next.place.NextBatch, next.place.BatchFirst
			return p
		case next.known:
			return p
		case next.seal != nil && next.seal.first <= r.firstSeq:
			p.NextBatch, p.BatchFirst = next.seal.number, next.seal.first
			return p
		case next.seal != nil:
			return p
		}
	}
	return p
}
