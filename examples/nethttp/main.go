// Nethttp is a small order service that audits what is done with it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audithttp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("order service", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. Its end is a sequence: no more requests, then
// nothing more to audit, then the rest of the events for at most five seconds.
// What is left then stays in the spool, for the next start.
func run(ctx context.Context) (err error) {
	client, err := audit.New(audit.Options{}) // ARCHIVER_URL, ARCHIVER_SPOOL_DIR
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = errors.Join(err, client.Close(ctx))
	}()
	withContext, err := audithttp.New(audithttp.Options{Actor: actor})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", os.Getenv("PORT")))
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: withContext(newOrders(client)), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	fmt.Fprintf(os.Stdout, "listening on http://%s\n", l.Addr())

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return srv.Shutdown(stopping)
}

// actor names who is logged in. A real service would look at its session.
func actor(_ context.Context, r *http.Request) (audit.Actor, bool) {
	user := r.Header.Get("X-User")
	return audit.Actor{ID: user, Type: audit.TypeUser}, user != ""
}
