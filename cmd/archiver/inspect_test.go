package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// specimens are one of each kind of file, and the root key that signed them.
func specimens(t *testing.T) (raw map[string][]byte, rootVKey string) {
	t.Helper()
	c := config.Default()
	c.Retention.Classes = []config.Class{{Name: "standard", Days: 1}}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	root, err := beginRoot(t.Context(), c, false)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := beginStream(t.Context(), c, root.id, root.VKey(), false)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sign(c, root, stream, now)
	if err != nil {
		t.Fatal(err)
	}
	head, err := ledger.NewHead(b.openRaw, root.VKey())
	if err != nil {
		t.Fatal(err)
	}
	empty := head.Empty(now, "test", ledger.Note{Kind: ledger.NoteHeartbeat})
	empty.Through = now
	commit, _, err := head.Next(empty, stream)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w := parquet.NewWriter(&file, parquet.Options{Stream: b.open.Stream, Class: "standard", Day: "2026-01-02"})
	row := event.Row{Stream: b.open.Stream, Seq: 7, Event: event.Event{
		ID: uuid.NewString(), Action: "user.login", ActorID: "u", ActorType: "user", ResourceType: "session", Outcome: "success",
		ReceivedAtMS: now.UnixMilli(), TimestampNS: now.UnixNano(), Producer: "p", Retention: "standard",
	}}
	if err := w.Write(row); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wal, frames := segment(t, row.Event)
	shipment, err := ledger.SealShipment(ledger.Shipment{Archive: b.archive.ID, Stream: b.open.Stream, ShippedAt: now}, frames, stream)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"archive": b.archiveRaw, "open": b.openRaw, "commit": commit, "parquet": file.Bytes(), "wal": wal,
		"shipment": append(shipment, frames...),
	}, root.VKey()
}

// segment is a WAL segment that holds one event, and its frames as they are shipped.
func segment(t *testing.T, e event.Event) (raw, frames []byte) {
	t.Helper()
	dir := t.TempDir()
	b, err := buffer.Open(buffer.Options{
		Dir: dir, FS: durable.OS(), Stream: uuid.New(), Now: time.Now, SegmentBytes: 64 << 10, Reserve: -1, Heartbeat: -1,
		Retention: func(string) (time.Duration, bool) { return time.Hour, true },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	_, err = b.Append(ctx, []event.Event{e})
	piece, followErr := b.Follow(buffer.Place{}).Next(ctx, 1<<20)
	cancel()
	if err := errors.Join(err, followErr, <-done, b.Close()); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "0*.wal"))
	if err != nil || len(names) != 1 {
		t.Fatalf("segments %v, %v", names, err)
	}
	if raw, err = os.ReadFile(names[0]); err != nil {
		t.Fatal(err)
	}
	return raw, piece.Frames
}

// look is an inspection as a script would read it.
type look struct {
	Kind    string
	Bytes   int64
	Stored  map[string]string
	Content struct {
		Document   struct{ Version *int }
		Signature  string
		Signatures []string
		Manifest   struct{ Notes []struct{ Kind string } }
		Checkpoint struct {
			Size       int
			Signatures []string
		}
		Rows    int
		Events  int
		Frames  []struct{ Type string }
		Columns []struct{ Name string }
	}
}

func TestInspectFiles(t *testing.T) {
	raw, _ := specimens(t)
	dir := t.TempDir()
	seen := map[string]look{}
	for name, b := range raw {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got := runWith(t, "inspect", file)
		var l look
		if err := json.Unmarshal([]byte(got.out), &l); got.code != exitOK || err != nil {
			t.Fatalf("%s: exit code %d, %v, %s%s", name, got.code, err, got.out, got.err)
		}
		if l.Kind != name || l.Bytes != int64(len(b)) {
			t.Errorf("%s: seen as %s of %d bytes, want %d", name, l.Kind, l.Bytes, len(b))
		}
		seen[name] = l
	}
	for _, name := range []string{"archive", "open", "shipment"} {
		if l := seen[name]; l.Content.Signature != "not checked" || len(l.Content.Signatures) != 1 || l.Content.Document.Version == nil {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if l := seen["commit"].Content; len(l.Manifest.Notes) != 1 || l.Checkpoint.Size != 1 || len(l.Checkpoint.Signatures) != 1 {
		t.Errorf("commit: %+v", l)
	}
	if l := seen["parquet"].Content; l.Rows != 1 || len(l.Columns) == 0 || l.Columns[0].Name != "id" {
		t.Errorf("parquet: %+v", l)
	}
	if l := seen["wal"].Content; l.Events != 1 || len(l.Frames) == 0 || l.Frames[0].Type != "events" {
		t.Errorf("wal: %+v", l)
	}
	if l := seen["shipment"].Content; len(l.Frames) != 1 || l.Frames[0].Type != "events" {
		t.Errorf("shipment: %+v", l)
	}
	if got := runWith(t, "inspect", filepath.Join(dir, "open"), filepath.Join(dir, "commit")); strings.Count(got.out, `"bytes"`) != 2 {
		t.Errorf("two files: %s", got.out)
	}
}

func TestInspectRefuses(t *testing.T) {
	raw, _ := specimens(t)
	half := raw["parquet"][:len(raw["parquet"])/2]
	for _, tt := range []struct {
		name string
		args []string
		code int
		err  string
	}{
		{"nothing", []string{"inspect"}, exitUsage, "requires at least 1 arg"},
		{"absent file", []string{"inspect", t.TempDir() + "/x"}, exitFailure, "no such file"},
		{"folder", []string{"inspect", t.TempDir()}, exitFailure, "not a regular file"},
		{"foreign file", []string{"inspect", write(t, "x", "hello")}, exitFailure, `starts with "hello"`},
		{"empty file", []string{"inspect", write(t, "x", "")}, exitFailure, "no format of the archiver"},
		{"half a Parquet file", []string{"inspect", write(t, "x", string(half))}, exitFailure, "parquet"},
		{"half a commit", []string{"inspect", write(t, "x", string(raw["commit"][:60]))}, exitFailure, "commit"},
		{"half a WAL header", []string{"inspect", write(t, "x", string(raw["wal"][:60]))}, exitFailure, "wal: segment header"},
		{"half an archive object", []string{"inspect", write(t, "x", string(raw["archive"][:60]))}, exitFailure, "not a signed line"},
		{"half a shipment", []string{"inspect", write(t, "x", string(raw["shipment"][:60]))}, exitFailure, "not a signed line"},
		{"version of a file", []string{"inspect", "--version-id", "v", "x"}, exitUsage, "needs --config"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := runWith(t, tt.args...)
			if got.code != tt.code || got.out != "" || !strings.Contains(got.err, tt.err) {
				t.Errorf("got %+v, want code %d and %q", got, tt.code, tt.err)
			}
		})
	}
}

// TestInspectOtherFrames: what can be read is shown, and what is wrong is said.
func TestInspectOtherFrames(t *testing.T) {
	raw, _ := specimens(t)
	cut := raw["shipment"][:len(raw["shipment"])-512]
	if got := runWith(t, "inspect", write(t, "x", string(cut))); got.code != exitFailure || !strings.Contains(got.err, "not those that were signed") ||
		!strings.Contains(got.out, `"signatures"`) {
		t.Errorf("got %+v", got)
	}
}

// shelf is a store of one object.
type shelf struct {
	object.Store // the other methods are not for inspect
	info         object.Info
	body         []byte
}

func (s *shelf) Head(_ context.Context, key, version string) (object.Info, error) {
	if key != s.info.Key || (version != "" && version != s.info.VersionID) {
		return object.Info{}, object.ErrNotFound
	}
	return s.info, nil
}

func (s *shelf) Get(_ context.Context, key, version string) (io.ReadCloser, error) {
	if key != s.info.Key || version != s.info.VersionID {
		return nil, object.ErrNotFound // also without a version: what Head described may be gone
	}
	return io.NopCloser(bytes.NewReader(s.body)), nil
}

func (s *shelf) Versions(_ context.Context, prefix string) iter.Seq2[object.Info, error] {
	return func(yield func(object.Info, error) bool) {
		if strings.HasPrefix(s.info.Key, prefix) {
			yield(s.info, nil)
		}
	}
}

func TestInspectObject(t *testing.T) {
	raw, vkey := specimens(t)
	_, otherKey := specimens(t)
	store := &shelf{body: raw["archive"], info: object.Info{
		Key: "a/archive", VersionID: "v1", Mode: object.Compliance, RetainUntil: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
	}}
	for _, tt := range []struct {
		name, vkey, signature string
		fails                 bool
	}{
		{"right root", vkey, "valid", false},
		{"other root", otherKey, "invalid", true},
		{"no root", "", "not checked", false},
	} {
		var out bytes.Buffer
		err := inspectObject(t.Context(), &out, store, tt.vkey, "a/archive", "")
		if (err != nil) != tt.fails {
			t.Errorf("%s: error %v", tt.name, err)
		}
		var l look
		if err := json.Unmarshal(out.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v in %s", tt.name, err, out.Bytes())
		}
		if l.Content.Signature != tt.signature {
			t.Errorf("%s: signature is %s, want %s", tt.name, l.Content.Signature, tt.signature)
		}
		if l.Stored["mode"] != "COMPLIANCE" || l.Stored["retain_until"] != "2030-01-01T00:00:00Z" || l.Stored["version_id"] != "v1" {
			t.Errorf("%s: stored %v", tt.name, l.Stored)
		}
	}
	if err := inspectObject(t.Context(), io.Discard, store, vkey, "a/archive", "v2"); err == nil {
		t.Error("a version that is not there was inspected")
	}
}
