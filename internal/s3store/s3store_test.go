package s3store_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/internal/s3store"
)

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error %v, want %v", got, want)
	}
}

// The request that everything rests on, field by field.
func TestPutRequest(t *testing.T) {
	server := serve(t, ok)
	store := server.store(t, func(c *s3store.Config) { c.ExpectedBucketOwner = "123456789012" })
	p := objecttest.NewPut("events/dt=2026-01-31/a.parquet", []byte("content"))
	version, err := store.Put(t.Context(), p)
	if err != nil || version != "version-1" {
		t.Fatalf("put: %q, %v", version, err)
	}
	if got := string(server.bodies[0]); got != "content" {
		t.Errorf("body %q: it must travel as it is, without chunk signatures or trailers", got)
	}
	for name, want := range map[string]string{
		"If-None-Match":                       "*",
		"X-Amz-Checksum-Sha256":               sumOf("content"),
		"X-Amz-Content-Sha256":                hex.EncodeToString(p.SHA256[:]),
		"X-Amz-Object-Lock-Mode":              "COMPLIANCE",
		"X-Amz-Object-Lock-Retain-Until-Date": p.RetainUntil.Format(time.RFC3339),
		"X-Amz-Expected-Bucket-Owner":         "123456789012",
		"Content-Type":                        "application/octet-stream",
		"Content-Encoding":                    "",
		"X-Amz-Trailer":                       "",
		"X-Amz-Checksum-Crc32":                "",
	} {
		if got := server.heads[0].Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	signed := server.heads[0].Get("Authorization")
	for _, name := range []string{"if-none-match", "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-content-sha256"} {
		if !strings.Contains(signed, name) {
			t.Errorf("%s is not signed: %s", name, signed)
		}
	}
}

func TestPutAnswers(t *testing.T) {
	conflict := fail(http.StatusConflict, "ConditionalRequestConflict")
	exists := fail(http.StatusPreconditionFailed, "PreconditionFailed")
	slowDown := fail(http.StatusServiceUnavailable, "SlowDown")
	for _, test := range []struct {
		name     string
		steps    []step
		want     error  // nil: success, or wantText
		wantText string // in the error
		requests int
	}{
		{"a lost race, then success", []step{conflict, ok}, nil, "", 2},
		{"races for ever", []step{conflict}, nil, "ConditionalRequestConflict", 3},
		{"throttled, then success", []step{slowDown, slowDown, ok}, nil, "", 3},
		{"throttled for ever", []step{slowDown}, nil, "SlowDown", 3},
		{"exists", []step{exists}, object.ErrExists, "", 1},
		{"a lost answer", []step{drop, exists}, object.ErrExists, "", 2},
		{"a lost request", []step{drop, ok}, nil, "", 2},
		{"no permission", []step{fail(http.StatusForbidden, "AccessDenied")}, nil, "s3:PutObjectRetention", 1},
		{"expired credentials", []step{fail(http.StatusBadRequest, "ExpiredToken")}, nil, "renew", 1},
		{"unknown credentials", []step{fail(http.StatusForbidden, "InvalidAccessKeyId")}, nil, "access key", 1},
		{"changed on the way", []step{fail(http.StatusBadRequest, "BadDigest")}, nil, "other bytes", 1},
		{"no bucket", []step{fail(http.StatusNotFound, "NoSuchBucket")}, nil, "archiver init", 1},
		{"another region", []step{fail(http.StatusMovedPermanently, "PermanentRedirect")}, nil, "region", 1},
		{"no object lock", []step{fail(http.StatusBadRequest, "InvalidRequest")}, nil, "Object Lock", 1},
		{"another checksum echoed", []step{answer("", "x-amz-version-id", "v", "x-amz-checksum-sha256", sumOf("y"))}, nil, "SHA-256", 1},
		{"no version id", []step{answer("")}, nil, "not versioned", 1},
		{"the null version", []step{answer("", "x-amz-version-id", "null")}, nil, "not versioned", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, test.steps...)
			_, err := server.store(t, nil).Put(t.Context(), objecttest.NewPut("k", []byte("content")))
			switch {
			case test.wantText != "":
				if err == nil || !strings.Contains(err.Error(), test.wantText) || !strings.HasPrefix(err.Error(), "put k: ") {
					t.Errorf("error %v, want one that begins with the call and says %q", err, test.wantText)
				}
				if errors.Is(err, object.ErrExists) || errors.Is(err, object.ErrNotFound) {
					t.Errorf("error %v looks like a decision", err)
				}
			default:
				wantErr(t, err, test.want)
			}
			if got := server.requests(); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
			for i, body := range server.bodies {
				if string(body) != "content" {
					t.Errorf("request %d sent %q", i, body)
				}
			}
		})
	}
}

func TestClockSkewIsReadable(t *testing.T) {
	server := serve(t, fail(http.StatusForbidden, "RequestTimeTooSkewed"))
	_, err := server.store(t, nil).Put(t.Context(), objecttest.NewPut("k", []byte("x")))
	if err == nil || !strings.Contains(err.Error(), "set the clock") {
		t.Errorf("error %v does not say what to do", err)
	}
}

// TestFaultB43ClockAhead: our clock is a year ahead of a store that refuses requests which are
// dated more than 15 minutes off. Nothing is stored, because it would be locked for a year
// too long: the date of a lock comes from our clock, and so must that of the request. The
// settings say by how much the clocks differ.
func TestFaultB43ClockAhead(t *testing.T) {
	theirs := func() time.Time { return time.Now().AddDate(-1, 0, 0).UTC() }
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", theirs().Format(http.TimeFormat))
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil || at.Sub(theirs()).Abs() > 15*time.Minute {
			fail(http.StatusForbidden, "RequestTimeTooSkewed")(w, r)
			return
		}
		ok(w, r)
	})
	store := server.store(t, nil)
	p := objecttest.NewPut("k", []byte("x"))
	p.RetainUntil = time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	for range 3 { // the SDK learns from the first answer
		if version, err := store.Put(t.Context(), p); err == nil {
			t.Errorf("stored as %s: by the store's clock it is locked for a year more than a day", version)
		}
	}
	if s := store.Settings(t.Context()).Skew; !s.Known() || s.Value > -364*24*time.Hour {
		t.Errorf("skew %+v, want a year less", s)
	}
}

// What must never reach a bucket that cannot forget is refused before it is sent.
func TestPutRefusesLocally(t *testing.T) {
	now := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name  string
		spoil func(*object.Put)
		sent  bool
	}{
		{"a proper put", func(*object.Put) {}, true},
		{"the longest retention", func(p *object.Put) { p.RetainUntil = now.AddDate(0, 0, 36500) }, true},
		{"no retention date", func(p *object.Put) { p.RetainUntil = time.Time{} }, false},
		{"a date that is now", func(p *object.Put) { p.RetainUntil = now }, false},
		{"a past date", func(p *object.Put) { p.RetainUntil = now.Add(-time.Hour) }, false},
		{"more than a century", func(p *object.Put) { p.RetainUntil = now.AddDate(0, 0, 36501) }, false},
		{"a fraction of a second", func(p *object.Put) { p.RetainUntil = p.RetainUntil.Add(time.Millisecond) }, false},
		{"no key", func(p *object.Put) { p.Key = "" }, false},
		{"a long key", func(p *object.Put) { p.Key = strings.Repeat("k", 1025) }, false},
		{"a key that is not UTF-8", func(p *object.Put) { p.Key = "\xff" }, false},
		{"no checksum", func(p *object.Put) { p.SHA256 = [32]byte{} }, false},
		{"no body", func(p *object.Put) { p.Body = nil }, false},
		{"a negative size", func(p *object.Put) { p.Size = -1 }, false},
		{"too big for one request", func(p *object.Put) { p.Size = 5<<30 + 1 }, false},
		{"no content type", func(p *object.Put) { p.ContentType = "" }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, ok)
			store := server.store(t, func(c *s3store.Config) { c.Now = func() time.Time { return now } })
			p := objecttest.NewPut("k", []byte("x"))
			p.RetainUntil = now.Add(time.Hour)
			test.spoil(&p)
			_, err := store.Put(t.Context(), p)
			if (err == nil) != test.sent || (server.requests() > 0) != test.sent {
				t.Errorf("error %v after %d requests, want it to be sent: %v", err, server.requests(), test.sent)
			}
		})
	}
}

func TestHeadTellsOnlyWhatItWasTold(t *testing.T) {
	sum := sumOf("content")
	server := serve(t,
		answer("", "x-amz-version-id", "v", "x-amz-checksum-sha256", sum+"-3", "x-amz-checksum-type", "COMPOSITE"))
	info, err := server.store(t, nil).Head(t.Context(), "k", "v")
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode != "" || !info.RetainUntil.IsZero() || info.SHA256 != [32]byte{} {
		t.Errorf("invented something: %+v", info)
	}
	if got := server.heads[0].Get("X-Amz-Checksum-Mode"); got != "ENABLED" {
		t.Errorf("checksum mode %q", got)
	}
	if got := server.paths[0]; got != "HEAD /bucket/k?versionId=v" {
		t.Errorf("asked %q", got)
	}
}

// A lost bucket must not look like an empty one.
func TestMissingBucketIsNotAMissingKey(t *testing.T) {
	server := serve(t, fail(http.StatusNotFound, "NoSuchBucket"))
	store := server.store(t, nil)
	_, headErr := store.Head(t.Context(), "k", "")
	_, getErr := store.Get(t.Context(), "k", "")
	var listErr error
	for _, listErr = range store.Versions(t.Context(), "") {
	}
	for what, err := range map[string]error{"head": headErr, "get": getErr, "versions": listErr} {
		if err == nil || errors.Is(err, object.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestForbiddenHeadSaysWhatIsNeeded(t *testing.T) {
	server := serve(t, fail(http.StatusForbidden, ""))
	_, err := server.store(t, nil).Head(t.Context(), "k", "v")
	if err == nil || !strings.Contains(err.Error(), "s3:GetObjectRetention") {
		t.Errorf("error %v", err)
	}
}

// Every call ends, whatever the other side does.
func TestBlackHole(t *testing.T) {
	server := serve(t, hang)
	store := server.store(t, func(c *s3store.Config) { c.Timeout = 200 * time.Millisecond })
	for what, call := range calls(store) {
		err := call(t.Context())
		if err == nil || !strings.Contains(err.Error(), "did not answer in time") {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Who runs out of time first is named.
	store = server.store(t, nil)
	for what, call := range calls(store) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want %v", what, err, context.DeadlineExceeded)
		}
		cancel()
	}
}

func calls(store *s3store.Store) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"put": func(ctx context.Context) error {
			_, err := store.Put(ctx, objecttest.NewPut("k", []byte("x")))
			return err
		},
		"head": func(ctx context.Context) error {
			_, err := store.Head(ctx, "k", "v")
			return err
		},
		"get": func(ctx context.Context) error {
			_, err := store.Get(ctx, "k", "v")
			return err
		},
		"versions": func(ctx context.Context) error {
			for _, err := range store.Versions(ctx, "") {
				return err
			}
			return nil
		},
		"check bucket": func(ctx context.Context) error {
			_, err := store.CheckBucket(ctx)
			return err
		},
	}
}

func TestTrickle(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write([]byte("x"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	store := server.store(t, func(c *s3store.Config) {
		c.Timeout, c.MinBytesPerSecond = 100*time.Millisecond, 10<<20
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // so that a defect fails, not hangs
	defer cancel()
	r, err := store.Get(ctx, "k", "v")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	n, err := io.Copy(io.Discard, r)
	if n != 1 || err == nil || !strings.Contains(err.Error(), "did not answer in time") {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestTruncatedBody(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		drop(w, r)
	})
	r, err := server.store(t, nil).Get(t.Context(), "k", "v")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := io.ReadAll(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
	}
}
