package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options configure a [Client]. The zero value of every field stands for its
// default; clients/README.md, "Options", has the same table for all languages.
type Options struct {
	// URL of the sidecar: http://, https:// or unix:/path/to/socket.
	// Default: ARCHIVER_URL, else http://127.0.0.1:8420.
	URL string

	// Token is the bearer token, if the sidecar asks for one. Default: ARCHIVER_TOKEN.
	Token string

	// RecordTimeout is the deadline of one Record, retries included. Default: 10s.
	RecordTimeout time.Duration

	// RequestTimeout bounds one HTTP request. What it leaves unknown, a retry
	// with the same id settles. Default: 5s.
	RequestTimeout time.Duration

	// SpoolDir is where Enqueue writes; it must be on a local disk. All processes
	// of an application share it. Default: ARCHIVER_SPOOL_DIR, else the folder
	// audit-archiver in XDG_STATE_HOME, else in ~/.local/state.
	SpoolDir string

	// SpoolMaxBytes bounds what waits for delivery in the spool of this client; on
	// disk there may be a quarter more. At least 256 KiB. Default: 256 MiB.
	SpoolMaxBytes int64

	// SpoolSync says when the spool is synced to the disk. Default: SyncInterval.
	SpoolSync SyncMode

	// SpoolSyncInterval is what a power failure may cost with SyncInterval; a
	// killed process costs nothing either way. Default: 50ms.
	SpoolSyncInterval time.Duration

	// EnqueueTimeout is how long Enqueue waits for room. Default: 5s.
	EnqueueTimeout time.Duration

	// BatchEvents and BatchBytes bound one request of the sender. Default: 500
	// and 1 MiB.
	BatchEvents int
	BatchBytes  int

	// Linger is how long the sender waits for a batch to fill. Default: 20ms;
	// negative: not at all.
	Linger time.Duration

	// Policies say what Record does when the sidecar cannot be reached: by action,
	// or by a prefix that ends with a dot ("user."). The longest match wins.
	// Default: FailClosed for every action.
	Policies map[string]Policy

	// OnDeadLetter is called after an event that can never be stored was written to
	// the dead-letter file. It must not block: the sender waits for it.
	// Default: logs one line, without the event's content.
	OnDeadLetter func(DeadLetter)

	// Logger gets what no call can return. Default: slog.Default().
	Logger *slog.Logger

	// Transport sends the requests, such as one with a client certificate.
	// Default: one of the client's own, without proxies.
	Transport http.RoundTripper
}

// SyncMode says when what is in the spool survives a power failure.
type SyncMode int

const (
	// SyncInterval syncs every SpoolSyncInterval.
	SyncInterval SyncMode = iota
	// SyncAlways syncs before Enqueue returns; concurrent calls share it.
	SyncAlways
)

// minSpoolBytes leaves room for a few events of the longest kind.
const minSpoolBytes = 256 << 10

func (o Options) withDefaults() (Options, error) {
	o.URL = first(o.URL, os.Getenv("ARCHIVER_URL"), "http://127.0.0.1:8420")
	o.Token = first(o.Token, os.Getenv("ARCHIVER_TOKEN"))
	o.RecordTimeout = first(o.RecordTimeout, 10*time.Second)
	o.RequestTimeout = first(o.RequestTimeout, 5*time.Second)
	o.SpoolDir = first(o.SpoolDir, os.Getenv("ARCHIVER_SPOOL_DIR"))
	o.SpoolMaxBytes = first(o.SpoolMaxBytes, 256<<20)
	o.SpoolSyncInterval = first(o.SpoolSyncInterval, 50*time.Millisecond)
	o.EnqueueTimeout = first(o.EnqueueTimeout, 5*time.Second)
	o.BatchEvents = first(o.BatchEvents, 500)
	o.BatchBytes = first(o.BatchBytes, 1<<20)
	o.Linger = max(first(o.Linger, 20*time.Millisecond), 0)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.OnDeadLetter == nil {
		log := o.Logger
		o.OnDeadLetter = func(d DeadLetter) { log.Error("audit event dead-lettered", d.attrs()...) }
	}
	var problems []error
	if o.SpoolDir == "" {
		dir, err := stateDir()
		if err != nil {
			problems = append(problems, fmt.Errorf("spool_dir is not set, and there is no folder for state: %w", err))
		}
		o.SpoolDir = dir
	}
	return o, errors.Join(append(problems, o.validate()...)...)
}

// validate says everything that is wrong, not just the first thing.
func (o *Options) validate() []error {
	var problems []error
	complain := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	complain(o.RecordTimeout < 0, "record_timeout: %v is negative", o.RecordTimeout)
	complain(o.RequestTimeout < 0, "request_timeout: %v is negative", o.RequestTimeout)
	complain(o.SpoolMaxBytes < minSpoolBytes, "spool_max_bytes: %d is below %d", o.SpoolMaxBytes, minSpoolBytes)
	complain(o.SpoolSync != SyncInterval && o.SpoolSync != SyncAlways, "spool_sync: %d is unknown", o.SpoolSync)
	complain(o.SpoolSyncInterval < 0, "spool_sync_interval: %v is negative", o.SpoolSyncInterval)
	complain(o.EnqueueTimeout < 0, "enqueue_timeout: %v is negative", o.EnqueueTimeout)
	complain(o.BatchEvents < 0, "batch_events: %d is negative", o.BatchEvents)
	complain(o.BatchBytes < 0, "batch_bytes: %d is negative", o.BatchBytes)
	complain(strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }),
		"token: has characters that no header can have")
	for action, p := range o.Policies {
		complain(p != FailClosed && p != FailOpenSpooled, "policies: %q: %d is unknown", action, p)
	}
	return problems
}

// stateDir follows the XDG Base Directory Specification: a relative
// XDG_STATE_HOME is ignored.
func stateDir() (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "audit-archiver"), nil
}

// first returns the first value that is not zero.
func first[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}
