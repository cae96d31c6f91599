package cloudwatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/mirror"
	double "github.com/audit-archiver/archiver/testenv/cloudwatch"
)

const (
	logGroup = "/audit/archive"
	dir      = "/mirror"
)

var stream = uuid.MustParse("01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e")

// noon is the time of all these tests.
func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// world is a service, a disk, and a mirror between them.
type world struct {
	t        testing.TB
	srv      *double.Server
	fs       *crashfs.FS
	log      bytes.Buffer
	registry *prometheus.Registry
	options  Options
	target   *Target

	// client, when set, is taken over by the next processes; to make one takes longer
	// than most of these tests.
	client *awslogs.Client
}

// newWorld has an empty disk, and a service with a log group that never expires.
func newWorld(t testing.TB) *world {
	w := &world{t: t, srv: double.New(t, noon), fs: crashfs.New()}
	w.srv.CreateGroup(logGroup, 0)
	w.options = Options{
		Region: "eu-central-1", Endpoint: w.srv.URL, CredentialsFile: credentials(t),
		LogGroup: logGroup, LogStreamPrefix: "archive/", Dir: dir, Now: noon, Timeout: DefaultTimeout,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	w.start()
	return w
}

func credentials(t testing.TB) string {
	name := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(name, []byte("[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// start is a new process on the same disk.
func (w *world) start() {
	w.t.Helper()
	if err := w.tryStart(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tryStart() (err error) {
	w.registry = prometheus.NewRegistry()
	w.options.FS, w.options.Metrics = w.fs, w.registry
	if w.client != nil {
		w.target, err = newTarget(w.options, w.client)
	} else {
		w.target, err = New(context.Background(), w.options)
	}
	return err
}

func (w *world) position() mirror.Position {
	w.t.Helper()
	p, err := w.target.Position(context.Background(), stream)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) write(commits ...*mirror.Commit) {
	w.t.Helper()
	for _, c := range commits {
		if err := w.target.Write(context.Background(), c); err != nil {
			w.t.Fatal(err)
		}
	}
}

// events returns what the log stream has.
func (w *world) events() []double.Event { return w.srv.Events(logGroup, "archive/"+stream.String()) }

// puts counts the PutLogEvents so far.
func (w *world) puts() (n int) {
	for _, name := range w.srv.Calls() {
		if name == "PutLogEvents" {
			n++
		}
	}
	return n
}

// reported returns the lines of the reports on a disk, the older file first.
func (w *world) reported() []Rejection {
	w.t.Helper()
	c, err := readCursor(w.fs, filepath.Join(dir, stream.String()+cursorSuffix))
	if err != nil {
		w.t.Fatal(err)
	}
	var all []Rejection
	p := progress{stream: stream, dir: dir}
	for _, file := range []int{1 - c.Report.File, c.Report.File} {
		data, err := durable.ReadFile(w.fs, p.reportName(file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			var r Rejection
			if err := json.Unmarshal(line, &r); err != nil {
				w.t.Fatalf("report: %v: %q", err, line)
			}
			all = append(all, r)
		}
	}
	return all
}

// metric returns the value of a counter, with at most one label's value.
func (w *world) metric(name, label string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "archiver_mirror_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			if labels := m.GetLabel(); len(labels) == 0 || labels[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	w.t.Fatalf("no metric %s %s", name, label)
	return 0
}

// commit makes the commit of the rows; their seqs are those of their places.
func commit(index, first int64, rows []event.Row) *mirror.Commit {
	return &mirror.Commit{
		Stream: stream, Index: index, First: first, Count: int64(len(rows)),
		Rows: func(ctx context.Context) iter.Seq2[event.Row, error] {
			return func(yield func(event.Row, error) bool) {
				for _, r := range rows {
					// What the contract allows to vanish after each row does vanish.
					scratch := []byte(r.ID)
					r.ID = unsafe.String(&scratch[0], len(scratch))
					if !yield(r, ctx.Err()) {
						return
					}
					clear(scratch)
				}
			}
		},
	}
}

// row is an event at a time relative to noon.
func row(seq int64, at time.Duration) event.Row {
	id := uuid.UUID{}
	copy(id[8:], []byte{byte(seq >> 56), byte(seq >> 48), byte(seq >> 40), byte(seq >> 32), byte(seq >> 24), byte(seq >> 16), byte(seq >> 8), byte(seq)})
	return event.Row{
		Event: event.Event{
			ID: id.String(), Action: "user.login", ActorID: "u1", ActorType: "user", ResourceType: "session", Outcome: "success",
			ReceivedAtMS: noon().UnixMilli(), Producer: "api", TimestampNS: noon().Add(at).UnixNano(), Retention: "standard",
		},
		Stream: stream, Seq: seq,
	}
}

// sized is a row whose message counts so many bytes in a request.
func sized(seq int64, at time.Duration, size int) event.Row {
	r := row(seq, at)
	r.UserAgent = event.Str("")
	short := len(appendMessage(nil, &r)) + overhead
	r.UserAgent = event.Str(strings.Repeat("x", size-short))
	return r
}

// message is what is in the log stream for a row.
func message(r *event.Row) string { return string(appendMessage(nil, r)) }

// sameEvents compares the log stream with rows, in order.
func (w *world) sameEvents(want []event.Row) {
	w.t.Helper()
	got := w.events()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(want):
			w.t.Fatalf("%d events, want %d; the next is %s", len(got), len(want), got[i].Message)
		case i >= len(got):
			w.t.Fatalf("%d events, want %d; the next is seq %d", len(got), len(want), want[i].Seq)
		case got[i].Timestamp != want[i].TimestampMS() || got[i].Message != message(&want[i]):
			w.t.Fatalf("event %d is %d %s, want %d %s", i, got[i].Timestamp, got[i].Message, want[i].TimestampMS(), message(&want[i]))
		}
	}
}
