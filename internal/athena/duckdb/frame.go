//go:build cgo

package duckdb

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/sandbox"
)

// Frames carry what engine and worker say to each other: one byte of kind, the
// length of the rest in 4 bytes, big-endian, the rest. The engine takes nothing
// that a worker says for true or well-formed: code of the query's author may be
// speaking.

// frameMost bounds a frame, and with it what one side makes the other one hold.
const frameMost = 64 << 20

// rowsMost is how long a frame of rows may be at most, which bounds a row, as Athena
// does. Rows are put together up to rowsUsual.
const (
	rowsMost  = 32 << 20
	rowsUsual = 64 << 10
)

type kind byte

// From the engine.
const (
	kindHello kind = 'H' // hello as JSON, once, first
	kindPing  kind = '?' // answered by an empty kindText
	kindParse kind = 'P' // SQL; answered by kindText, a syntax tree
	kindPrint kind = 'D' // a syntax tree; answered by kindText, SQL, and another one, the tree that is parsed of it
	kindJob   kind = 'J' // job as JSON, once, last
)

// From the worker.
const (
	kindReady   kind = 'R' // sandbox.Report as JSON, answers kindHello
	kindText    kind = 'T'
	kindColumns kind = 'C' // []athena.Column as JSON, begins an answer
	kindRows    kind = 'W' // rows, as appendRow writes them
	kindEnd     kind = 'Z' // jobStats as JSON, ends an answer
	kindError   kind = 'E' // failure as JSON, ends everything
)

// hello tells a worker what all of its work has in common.
type hello struct {
	Roots []string // the folders of files, as the engine calls them; they are open from descriptor 3 on, in this order
	Dir   string   // the worker's own folder; it is open after them
	Warm  jobFile  // see server.warm; without a name: nothing is to be warmed

	MemoryBytes, TempBytes int64
	Threads                int
	Limits                 sandbox.Limits
}

// failure is an error as it crosses the border.
type failure struct {
	Kind      string `json:"kind,omitempty"` // a name in failureKinds; empty: none of the contract's
	Construct string `json:"construct,omitempty"`
	Detail    string `json:"detail"`
}

// failureKinds are the errors of the contract that a worker has a say in, and that of a
// disk that is full.
var failureKinds = map[string]error{
	"refused": athena.ErrRefused, "invalid": athena.ErrInvalid, "execution": athena.ErrExecution,
	"too-many-rows": athena.ErrTooManyRows, "too-big": athena.ErrTooBig, "no-space": syscall.ENOSPC,
}

func failureOf(err error) failure {
	var known *athena.Error
	if errors.As(err, &known) {
		for name, kind := range failureKinds {
			if known.Kind == kind { //nolint:errorlint // the kinds are these very values
				return failure{name, known.Construct, known.Detail}
			}
		}
	}
	text, _, _ := strings.Cut(err.Error(), "\n\nLINE ") // DuckDB shows the statement, which is ours
	return failure{Detail: text}
}

// detailMost is how much of a worker's words the engine takes.
const detailMost = 4 << 10

func (f failure) err() error {
	if len(f.Detail) > detailMost {
		f.Detail = f.Detail[:detailMost] + "…"
	}
	if kind, known := failureKinds[f.Kind]; known {
		return &athena.Error{Kind: kind, Construct: f.Construct, Detail: f.Detail}
	}
	return fmt.Errorf("run query: %s", f.Detail)
}

// frameWriter is not safe for concurrent use.
type frameWriter struct{ w *bufio.Writer }

func (w frameWriter) send(k kind, body []byte) error {
	if len(body) > frameMost {
		return fmt.Errorf("send frame %c: %d bytes are more than %d", k, len(body), frameMost)
	}
	var head [5]byte
	head[0] = byte(k)
	binary.BigEndian.PutUint32(head[1:], uint32(len(body)))
	if _, err := w.w.Write(head[:]); err != nil {
		return fmt.Errorf("send frame %c: %w", k, err)
	}
	if _, err := w.w.Write(body); err != nil {
		return fmt.Errorf("send frame %c: %w", k, err)
	}
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("send frame %c: %w", k, err)
	}
	return nil
}

func (w frameWriter) sendJSON(k kind, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("send frame %c: %w", k, err)
	}
	return w.send(k, body)
}

// frameReader reuses its buffer: a body is good until the next one.
type frameReader struct {
	r   *bufio.Reader
	buf []byte
}

func (r *frameReader) next() (kind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint32(head[1:]))
	if n > frameMost {
		return 0, nil, fmt.Errorf("frame %q of %d bytes is longer than %d", head[0], n, frameMost)
	}
	if cap(r.buf) < n {
		r.buf = make([]byte, n)
	}
	r.buf = r.buf[:n]
	if _, err := io.ReadFull(r.r, r.buf); err != nil {
		return 0, nil, err
	}
	return kind(head[0]), r.buf, nil
}
