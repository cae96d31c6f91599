package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/athena/dialect"
	"github.com/audit-archiver/archiver/internal/athena/results"
	"github.com/audit-archiver/archiver/internal/athena/saved"
	"github.com/audit-archiver/archiver/internal/athena/wire"
	"github.com/audit-archiver/archiver/internal/awscreds"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ingest"
)

// athenaAPI is the door for Athena's clients; nil when the configuration has none.
type athenaAPI struct {
	server *wire.Server
	ln     net.Listener
	log    *slog.Logger
}

// openAthena listens, so that an address that is taken is told at the start.
func openAthena(ctx context.Context, c config.Config, q *queries, log *slog.Logger) (*athenaAPI, error) {
	if c.Athena.Listen == "" {
		return nil, nil //nolint:nilnil // nil is the API that is not served
	}
	keys := make([]wire.Key, len(c.Athena.Keys))
	for i, k := range c.Athena.Keys {
		access, secret, err := awscreds.Source{File: k.CredentialsFile, Profile: k.Profile, Now: time.Now}.Keys(ctx)
		if err != nil {
			return nil, fmt.Errorf("athena.keys[%d]: %w", i, err)
		}
		keys[i] = wire.Key{Principal: k.Name, AccessKey: access, Secret: secret, Role: wire.Role(k.Role)}
	}
	table, err := tableParameters(ctx, q)
	if err != nil {
		return nil, err
	}
	o := wire.Options{
		Engine: q.engine, Keys: keys, Dir: filepath.Join(c.DataDir, "athena"), Log: log, Database: dialect.Database,
		Table: table, Named: complianceQueries(), MaxRows: c.Query.MaxRows, HistoryBytes: int64(c.Athena.HistoryBytes), Running: c.Query.Concurrency,
	}
	if c.Athena.Results.Bucket != "" {
		if o.Results, err = openResults(ctx, c, log); err != nil {
			return nil, err
		}
	}
	server, err := wire.New(o)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", c.Athena.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("athena.listen: %w", err), server.Close())
	}
	ln = ingest.LimitListener(ln, c.Limits.Connections)
	if ln, err = withTLS(ln, c.TLS); err != nil {
		return nil, errors.Join(fmt.Errorf("athena.%w", err), server.Close())
	}
	return &athenaAPI{server: server, ln: ln, log: log}, nil
}

// tableParameters are Glue's, with the location that clients look for among them.
func tableParameters(ctx context.Context, q *queries) (map[string]string, error) {
	table, err := q.catalog.Properties(ctx)
	if err != nil {
		return nil, fmt.Errorf("athena api: %w", err)
	}
	table["location"] = strings.TrimSuffix(table["storage.location.template"], "retention=${retention}/dt=${dt}/")
	return table, nil
}

// openResults opens the bucket that answers go into for older clients. One that does
// not answer is told and no reason not to start: queries say so too.
func openResults(ctx context.Context, c config.Config, log *slog.Logger) (*results.Bucket, error) {
	bucket, err := resultsBucket(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := bucket.Check(ctx); err != nil {
		log.WarnContext(ctx, "queries over the Athena API will fail: their answers cannot be stored", "error", err)
	}
	return bucket, nil
}

func resultsBucket(ctx context.Context, c config.Config) (*results.Bucket, error) {
	r := c.ResultsBucket()
	bucket, err := results.Open(ctx, results.Options{Bucket: r.Bucket, Prefix: r.Prefix, Region: r.Region, Endpoint: r.Endpoint,
		PathStyle: r.PathStyle, CredentialsFile: r.CredentialsFile, Profile: r.Profile, CAFile: r.CAFile})
	if err != nil {
		return nil, fmt.Errorf("athena.results: %w", err)
	}
	return bucket, nil
}

// packSpace makes the ids of the compliance pack's queries from their names, so that
// they are the same everywhere and for ever.
var packSpace = uuid.MustParse("5c0f6f0a-54f4-4d0b-8d7b-7a3f5a1c9e21")

// complianceQueries are the compliance pack as named queries. What each ? stands
// for is in the description: clients send the values as ExecutionParameters.
func complianceQueries() []wire.NamedQuery {
	var list []wire.NamedQuery
	for _, q := range saved.All() {
		list = append(list, wire.NamedQuery{
			ID: uuid.NewSHA1(packSpace, []byte(q.Name)).String(), Name: q.Name, SQL: q.SQL,
			Description: fmt.Sprintf("%s. %s Parameters, in order: %s. For %s.", q.Title, q.About, strings.Join(q.Args(), ", "), strings.Join(q.Frameworks, ", ")),
		})
	}
	return list
}

// address is where clients reach the API, and "" without one.
func (a *athenaAPI) address(t config.TLS) string {
	switch {
	case a == nil:
		return ""
	case t.CertFile != "":
		return "https://" + a.ln.Addr().String()
	default:
		return "http://" + a.ln.Addr().String()
	}
}

// run serves until ctx ends.
func (a *athenaAPI) run(ctx context.Context) error {
	if a == nil {
		return nil
	}
	srv := ingest.NewServer(a.server, ingest.DefaultTimeouts(), a.log)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(a.ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the athena api: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangUpTime)
		defer cancel()
		err := srv.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		return err
	})
	return g.Wait()
}

// Close ends the queries that still run. They are failed ones then, and their
// clients may run them again.
func (a *athenaAPI) Close() error {
	if a == nil {
		return nil
	}
	err := a.ln.Close()
	if errors.Is(err, net.ErrClosed) { // by the server
		err = nil
	}
	return errors.Join(err, a.server.Close())
}

// withTLS serves ln with the configured certificate, if there is one. On an error
// ln is closed.
func withTLS(ln net.Listener, c config.TLS) (net.Listener, error) {
	if c.CertFile == "" {
		return ln, nil
	}
	cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen: tls: %w", err), ln.Close())
	}
	return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}}), nil
}
