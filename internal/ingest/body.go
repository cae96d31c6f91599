package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"mime"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// windowMax is the largest zstd window we hold for a sender: what RFC 8878 asks
// every decoder to support. The zstd command stays below it up to level 19.
const windowMax = 8 << 20

// slack is how much longer than its content a compressed body may be.
const slack = 64 << 10

const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
)

// formatOf reads the Content-Type.
func formatOf(h http.Header) (format, *problem) {
	const want = "send Content-Type " + typeJSON + " or " + typeNDJSON
	values := h["Content-Type"]
	if len(values) != 1 {
		return 0, unsupported(want)
	}
	switch values[0] { // as nearly everybody spells it
	case typeJSON:
		return formatJSON, nil
	case typeNDJSON:
		return formatNDJSON, nil
	}
	mediaType, params, err := mime.ParseMediaType(values[0])
	if err != nil {
		return 0, unsupported(want)
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return 0, unsupported("JSON is UTF-8; other charsets are not supported")
	}
	switch mediaType {
	case typeJSON:
		return formatJSON, nil
	case typeNDJSON:
		return formatNDJSON, nil
	}
	return 0, unsupported(want)
}

// coding is how a body is compressed.
type coding int

const (
	codingIdentity coding = iota
	codingGzip
	codingZstd
)

func codingOf(h http.Header) (coding, *problem) {
	values := h["Content-Encoding"]
	if len(values) == 0 {
		return codingIdentity, nil
	}
	if len(values) == 1 {
		switch strings.ToLower(strings.TrimSpace(values[0])) {
		case "identity":
			return codingIdentity, nil
		case "gzip":
			return codingGzip, nil
		case "zstd":
			return codingZstd, nil
		}
	}
	return 0, unsupported("send one Content-Encoding at most: gzip, zstd or identity")
}

// bodies reads request bodies within the limits, over all requests.
type bodies struct {
	max      int // bytes of one body, after decompression
	free     atomic.Int64
	used     [bits.UintSize + 1]sync.Pool // of *body, by the length in bits of its capacity
	unpacker chan *unpacker               // as many as may work at once; each holds a window
}

func newBodies(bytesMax int, inFlight int64) *bodies {
	b := &bodies{max: bytesMax, unpacker: make(chan *unpacker, max(2, runtime.GOMAXPROCS(0)))}
	b.free.Store(inFlight)
	for range cap(b.unpacker) {
		b.unpacker <- &unpacker{}
	}
	return b
}

// body is bytes in memory that count. The owner calls release, once.
type body struct {
	from     *bodies
	bytes    []byte
	reserved int64
}

// take returns an empty body with room for size bytes and less than twice as many,
// or nil if there is no room for it.
func (s *bodies) take(size int) *body {
	b, ok := s.used[bits.Len(uint(size))].Get().(*body)
	if !ok || cap(b.bytes) < size {
		b = &body{from: s}
	}
	if !b.reserve(max(size, cap(b.bytes))) {
		return nil
	}
	if b.bytes == nil {
		b.bytes = make([]byte, 0, size)
	}
	return b
}

// reserve makes the body count for size bytes, if that is within the limit.
func (b *body) reserve(size int) bool {
	more := int64(size) - b.reserved
	if b.from.free.Add(-more) < 0 {
		b.from.free.Add(more)
		return false
	}
	b.reserved += more
	return true
}

func (b *body) release() {
	b.from.free.Add(b.reserved)
	b.bytes, b.reserved = b.bytes[:0], 0
	b.from.used[bits.Len(uint(cap(b.bytes)))].Put(b)
}

var (
	errTooLong = errors.New("longer than the limit")
	errNoRoom  = errors.New("no memory left for bodies")
)

// believed is how much memory a Content-Length is given at once: it costs the sender
// nothing. From there on a body grows with what really arrived.
const believed = 256 << 10

// fill reads all of r into a body of its own. On an error it holds nothing.
func (s *bodies) fill(r io.Reader, bytesMax, expected int) (*body, error) {
	// One more than expected, to see the end.
	b := s.take(min(max(1<<10, min(expected+1, believed)), bytesMax+1))
	if b == nil {
		return nil, errNoRoom
	}
	if err := b.fill(r, bytesMax, expected); err != nil {
		b.release()
		return nil, err
	}
	return b, nil
}

// fill appends all of r.
func (b *body) fill(r io.Reader, bytesMax, expected int) error {
	for {
		if len(b.bytes) == cap(b.bytes) {
			size := 2 * cap(b.bytes)
			if expected >= cap(b.bytes) {
				size = min(size, expected+1)
			}
			size = min(size, bytesMax+1) // one more, to see the excess
			if !b.reserve(size) {
				return errNoRoom
			}
			grown := make([]byte, len(b.bytes), size)
			copy(grown, b.bytes)
			b.bytes = grown
		}
		n, err := r.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case len(b.bytes) > bytesMax:
			return errTooLong
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// read returns the body of r, decompressed. On a problem it holds nothing.
func (s *bodies) read(r *http.Request, c coding) (*body, *problem) {
	limit := s.max
	if c != codingIdentity {
		limit += slack
	}
	if r.ContentLength > int64(limit) {
		return nil, s.problem(errTooLong)
	}
	b, err := s.fill(r.Body, limit, int(r.ContentLength))
	if err != nil {
		return nil, s.problem(err)
	}
	if c == codingIdentity {
		return b, nil
	}
	// All of it is here, so a slow sender does not keep an unpacker busy.
	defer b.release()
	plain, err := s.unpack(r.Context(), b.bytes, c)
	if err != nil {
		return nil, s.problem(err)
	}
	return plain, nil
}

// problem says what an error of reading means.
func (s *bodies) problem(err error) *problem {
	var bad *codingError
	switch {
	case errors.Is(err, errTooLong):
		return tooLarge(fmt.Sprintf("the body has more than %d bytes, after decompression", s.max))
	case errors.Is(err, errNoRoom), errors.Is(err, context.Canceled):
		return unavailable(kindBusy, "Too much at once", "nothing was stored; other requests fill the memory set aside for bodies", 1)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(http.StatusRequestTimeout, kindTimeout, "The request took too long", "the body did not arrive in time; nothing was stored")
	case errors.As(err, &bad):
		return badRequest(bad.Error())
	default:
		return badRequest("the body ended before it was complete, or its framing is wrong")
	}
}

// codingError is compressed data that cannot be decompressed.
type codingError struct {
	coding string
	err    error
}

func (e *codingError) Error() string { return e.coding + " body: " + e.err.Error() }
func (e *codingError) Unwrap() error { return e.err }

// unpack decompresses packed in one of the unpackers.
func (s *bodies) unpack(ctx context.Context, packed []byte, c coding) (*body, error) {
	var u *unpacker
	select {
	case u = <-s.unpacker:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { s.unpacker <- u }()
	if c == codingZstd {
		return u.unzstd(s, packed)
	}
	return u.gunzip(s, packed)
}

// unpacker is the reusable state of decompression: at most a few windows.
type unpacker struct {
	src  bytes.Reader
	gzip gzip.Reader
	zstd *zstd.Decoder
}

// gunzip takes exactly one gzip member.
func (u *unpacker) gunzip(s *bodies, packed []byte) (*body, error) {
	u.src.Reset(packed)
	defer u.src.Reset(nil) // do not keep the body alive
	if err := u.gzip.Reset(&u.src); err != nil {
		return nil, &codingError{"gzip", unexpected(err)}
	}
	u.gzip.Multistream(false)
	plain, err := s.fill(&u.gzip, s.max, 4*len(packed))
	if err != nil {
		return nil, wrapCoding("gzip", err)
	}
	if u.src.Len() > 0 {
		plain.release()
		return nil, &codingError{"gzip", errors.New("there is something after the end")}
	}
	return plain, nil
}

func (u *unpacker) unzstd(s *bodies, packed []byte) (*body, error) {
	if u.zstd == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(windowMax), zstd.WithDecodeBuffersBelow(0))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		u.zstd = d
	}
	if len(packed) == 0 {
		return nil, &codingError{"zstd", io.ErrUnexpectedEOF} // the library takes it for an empty body
	}
	u.src.Reset(packed)
	defer u.src.Reset(nil)
	var plain *body
	err := u.zstd.Reset(&u.src)
	if err == nil {
		plain, err = s.fill(u.zstd, s.max, 4*len(packed))
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return nil, fmt.Errorf("zstd window: %w", errTooLong)
	}
	return plain, wrapCoding("zstd", err)
}

// wrapCoding marks errors of the compressed data, as opposed to our limits.
func wrapCoding(name string, err error) error {
	if err == nil || errors.Is(err, errTooLong) || errors.Is(err, errNoRoom) {
		return err
	}
	return &codingError{name, unexpected(err)}
}

// unexpected makes the end of the data an error that says so.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
