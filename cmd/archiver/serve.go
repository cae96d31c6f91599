package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/receipt"
	"github.com/audit-archiver/archiver/internal/streams"
)

func newServeCommand(a *app) *cobra.Command {
	var (
		file   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Take events for an archive, and answer SQL about it",
		Long: `Take events over HTTP, archive them, and answer SQL. The archive must exist: see
init. Before its first upload it tries the bucket as doctor does, and again at the
first start after a week; it does not start on one that fails a must, unless
doctor.override names it.

SIGTERM and SIGINT end it in order: it takes no more requests and lets those under way
end (8 seconds), seals and archives what it has (16 seconds), and leaves the rest in
the WAL for the next start. A second signal ends it at once.

Exit codes:
  0  it was stopped
  1  it did not work, or it cannot go on: the log says why
  2  the command line or the configuration is wrong
  3  the bucket fails a must of archiver doctor`,
		Example: `  archiver serve --config /etc/archiver/archiver.yaml`,
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			if err := c.ForServe(file); err != nil {
				return err
			}
			return serve(cmd.Context(), c, newLogger(a.err, c.Log), nil, func(at opened) error {
				if asJSON {
					return printJSON(a.out, struct {
						Listen string `json:"listen"`
						Athena string `json:"athena_url,omitempty"`
					}{at.listen.String(), at.athena})
				}
				text := fmt.Sprintf("archiver listens on %s", at.listen)
				if at.athena != "" {
					text += ", Athena's API is at " + at.athena
				}
				_, err := fmt.Fprintln(a.out, text)
				return err
			})
		},
	}
	addConfigFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document when listening")
	return cmd
}

// opened is where a node is reached.
type opened struct {
	listen net.Addr
	athena string // URL; "" when Athena's API is not served
}

// serve runs a node with its doors until ctx ends. ready is called once events
// are accepted. successor, when set, makes a successor of a stream that needs one.
func serve(ctx context.Context, c config.Config, log *slog.Logger, successor makeFunc, ready func(opened) error) (err error) {
	useProcessors()
	for _, p := range c.Advice() {
		log.WarnContext(ctx, "configuration", "key", p.Field, "advice", p.Text)
	}
	n, err := openNode(ctx, c, log, successor)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	q, err := openQueries(n, log.With("part", "query"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	athenaDoor, err := openAthena(ctx, c, q, log.With("part", "athena"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, athenaDoor.Close()) }()
	mirrors, err := n.openMirrors(q.reader)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mirrors.Close()) }()
	watch, err := openVerifier(c, n.store, n.metrics, log.With("part", "verify"))
	if err != nil {
		return err
	}
	handler, err := n.handler(q, slices.Concat(q.checks(), mirrors.checks(), watch.checks()))
	if err != nil {
		return err
	}
	ln, err := listen(c)
	if err != nil {
		return err
	}
	defer ln.Close()
	return n.run(ctx, func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		mirrors.start(ctx, g, n.line)
		g.Go(func() error { return watch.run(ctx) })
		g.Go(func() error { return athenaDoor.run(ctx) })
		g.Go(func() error {
			return n.serveHTTP(ctx, ln, handler, func(at net.Addr) error {
				return ready(opened{listen: at, athena: athenaDoor.address(c.TLS)})
			})
		})
		return g.Wait()
	})
}

// handler is the HTTP interface of a node.
func (n *node) handler(q *queries, more []ingest.Check) (http.Handler, error) {
	clients := make([]ingest.Client, 0, len(n.cfg.Tokens))
	for _, t := range n.cfg.Tokens {
		clients = append(clients, ingest.Client{Name: t.Name, TokenSHA256: t.SHA256, Scopes: t.Scopes, Class: t.Retention})
	}
	sql, err := q.route()
	if err != nil {
		return nil, err
	}
	return ingest.NewHandler(ingest.Options{
		Appender: appender{n.line}, Room: n.line.Room, Receipts: appender{n.line}, Prove: q.prove, Archived: n.line.Archived, Refusal: refusal,
		Clients: clients, DefaultClass: n.about.Default, Limits: n.limits(),
		Checks: append(n.checks(), more...), Routes: []ingest.Route{sql},
		Registry: n.metrics, Log: n.log.With("part", "ingest"),
	})
}

func (n *node) limits() ingest.Limits {
	l := ingest.DefaultLimits()
	l.Event.EventBytes, l.Event.Depth = int(n.cfg.Limits.EventBytes), n.cfg.Limits.Depth
	l.Event.Floor = n.about.Floor
	l.RequestBytes, l.RequestEvents = int(n.cfg.Limits.RequestBytes), n.cfg.Limits.RequestEvents
	l.InFlightBytes = max(l.InFlightBytes, 2*int64(l.RequestBytes))
	l.ArchiveWait = n.cfg.Archive.AckTimeout
	return l
}

// appender says in the words of ingest what the streams say.
type appender struct{ line *streams.Line }

func (a appender) Append(ctx context.Context, events []event.Event) (ingest.Stored, error) {
	stored, err := a.line.Append(ctx, events)
	return ingest.Stored(stored), refused(err)
}

func (a appender) AppendReceipt(ctx context.Context, events []event.Event) (ingest.Stored, func(context.Context) ingest.Receipts, error) {
	ticket := receipt.NewTicket()
	stored, err := a.line.AppendTicket(ctx, events, ticket)
	return ingest.Stored(stored), func(ctx context.Context) (r ingest.Receipts) {
		receipts, missing := ticket.Wait(ctx)
		for _, one := range receipts {
			r.All = append(r.All, one.Append(nil))
		}
		r.Missing = missing
		return r
	}, refused(err)
}

// refused puts the log's word for ids that are taken into the words of ingest.
func refused(err error) error {
	var taken *streams.ConflictError
	if errors.As(err, &taken) {
		return &ingest.ConflictError{Index: taken.Index, Seq: taken.Seq, Earlier: taken.Earlier}
	}
	return err
}

// refusal says what an error of the buffer means to the sender.
func refusal(err error) ingest.Refusal {
	switch {
	case errors.Is(err, streams.ErrNotReady), errors.Is(err, buffer.ErrStopped): // neither stores anything
		return ingest.NotReady // also where another log is full: that of a successor, say
	case errors.Is(err, buffer.ErrFull):
		return ingest.Full
	case errors.Is(err, buffer.ErrDamaged):
		return ingest.NotWritable
	case errors.Is(err, buffer.ErrRefused): // what a request may have does not fit into a segment, say
		return ingest.TooLarge
	default:
		return ingest.Unknown
	}
}

// checks are the conditions for sending events here. That the bucket is away is
// not one of them as long as the WAL has room, but it is told.
func (n *node) checks() []ingest.Check {
	checks := []ingest.Check{
		{Name: "wal", Ready: func(context.Context) error {
			s := n.line.Current().Buffer.Stats()
			switch {
			case s.Damaged != nil:
				return s.Damaged
			case s.Full != "" && s.FullSince.IsZero():
				return fmt.Errorf("full: %s", s.Full)
			case s.Full != "":
				return fmt.Errorf("full since %s: %s", s.FullSince.UTC().Format(time.RFC3339), s.Full)
			}
			return nil
		}},
		{Name: "archive", Ready: func(context.Context) error {
			s, not := n.line.Current().Archiver.Status(), n.line.MayTake()
			switch {
			case s.Stopped:
				return not
			case not == nil && s.Err != nil:
				return ingest.Degraded{Reason: fmt.Sprintf("failing since %s: %v; %s", s.Failing.UTC().Format(time.RFC3339), s.Err, n.roomLeft())}
			case not != nil && s.Err != nil:
				return fmt.Errorf("%w: failing since %s: %w", not, s.Failing.UTC().Format(time.RFC3339), s.Err)
			default:
				return not
			}
		}},
		{Name: "stream", Ready: func(context.Context) error {
			if why := n.line.Warning(); why != "" {
				return ingest.Degraded{Reason: why}
			}
			return nil
		}},
	}
	checks = append(checks, n.fitness.check())
	if n.cfg.WAL.ShipInterval > 0 {
		checks = append(checks, ingest.Check{Name: "ship", Ready: func(context.Context) error {
			if s := n.line.Current().Shipper.Status(); s.Err != nil {
				return ingest.Degraded{Reason: fmt.Sprintf("failing since %s: %v", s.Failing.UTC().Format(time.RFC3339), s.Err)}
			}
			return nil
		}})
	}
	return checks
}

// roomLeft says how long events can still be taken while nothing is archived.
func (n *node) roomLeft() string {
	s := n.line.Current().Buffer.Stats()
	if s.RoomFor < 0 {
		return fmt.Sprintf("%d bytes are left until events are refused", s.RoomBytes)
	}
	return fmt.Sprintf("%d bytes are left until events are refused, which is %s at the present rate", s.RoomBytes, s.RoomFor.Round(time.Second))
}

// listen opens the configured address, with TLS if it is configured.
func listen(c config.Config) (net.Listener, error) {
	network, address := "tcp", c.Listen
	if path, ok := strings.CutPrefix(c.Listen, "unix:"); ok {
		network, address = "unix", path
		if err := removeSocket(path); err != nil {
			return nil, err
		}
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if network == "unix" {
		if err := os.Chmod(address, 0o660); err != nil {
			return nil, errors.Join(fmt.Errorf("listen: %w", err), ln.Close())
		}
	}
	ln = ingest.LimitListener(ln, c.Limits.Connections)
	return withTLS(ln, c.TLS)
}

// removeSocket clears what a process that was killed left behind. A socket that
// somebody answers on is left alone.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil //nolint:nilerr // nothing there, or something that net.Listen will complain about
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		return errors.Join(fmt.Errorf("listen: somebody listens on %s already", path), conn.Close())
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// serveHTTP serves until ctx ends, then lets requests in flight finish.
func (n *node) serveHTTP(ctx context.Context, ln net.Listener, h http.Handler, ready func(net.Addr) error) error {
	srv := ingest.NewServer(h, ingest.DefaultTimeouts().Fit(n.limits()), n.log.With("part", "http"))
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve http: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		if n.line.Await(ctx, func() bool { return n.line.MayTake() == nil }) != nil {
			return nil //nolint:nilerr // ended before it was ready
		}
		if err := ready(ln.Addr()); err != nil {
			return fmt.Errorf("say that we are ready: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangUpTime)
		defer cancel()
		err := srv.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close() // what is in flight was not acknowledged
		}
		return err
	})
	return g.Wait()
}

// newLogger logs to standard error.
func newLogger(w interface{ Write([]byte) (int, error) }, c config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
