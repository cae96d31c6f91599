// Package trino answers queries with a Trino cluster, over Trino's client protocol.
//
// One contract with the embedded engine: the same values in the same types, and
// an answer that does not end in state FINISHED is an error, whatever came before.
// The difference: Trino reads the objects that are current in the bucket and
// checks nothing against the ledger, and rows that are still in a WAL are not
// there yet. The notes of each answer say so.
//
// Memory is bounded by one page of the server's. A query that is canceled, times
// out or is closed before its end is canceled in Trino. The protocol is spoken
// here and not by a library: see docs/decisions/0018-trino-protocol.md.
package trino

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

const (
	dialTimeout = 5 * time.Second
	callTimeout = time.Minute     // until the headers of one answer; the server holds a request for a second
	stopTimeout = 5 * time.Second // of the DELETE, when nobody waits any more
	retryTime   = time.Minute     // how long a server may say that it is not available
	retryPause  = 100 * time.Millisecond
	pageMost    = 256 << 20 // bytes of one page; the server aims at 16 MB
)

// Options say where Trino is and how it shall run queries.
type Options struct {
	Server  string // URL of the coordinator; required
	User    string // required
	Catalog string // required
	Schema  string // where audit_logs is declared; required

	PasswordFile string // of User; needs https
	TokenFile    string // with a bearer token (JWT); needs https
	CAFile       string // adds PEM certificates to the system's

	Timeout time.Duration // from the start of a query to the end of reading it; default 30 min

	Progress func(athena.Progress) // called while a query runs, from Query's goroutine; may be nil
}

// Validate reports everything that is wrong, not just the first thing.
func (o Options) Validate() error {
	var problems []error
	u, err := url.Parse(o.Server)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil:
		problems = append(problems, errors.New("server: must be http://host:port or https://host:port"))
	case u.Scheme == "http" && o.PasswordFile+o.TokenFile != "":
		problems = append(problems, errors.New("server: a password or token is sent over https only"))
	}
	for _, p := range [][2]string{{"user", o.User}, {"catalog", o.Catalog}, {"schema", o.Schema}} {
		if p[1] == "" || strings.ContainsAny(p[1], "\r\n") {
			problems = append(problems, fmt.Errorf("%s: must be set, in one line", p[0]))
		}
	}
	if o.PasswordFile != "" && o.TokenFile != "" {
		problems = append(problems, errors.New("password_file, token_file: name one of them"))
	}
	if o.Timeout < 0 {
		problems = append(problems, errors.New("timeout: must not be negative"))
	}
	return errors.Join(problems...)
}

// Engine answers queries with Trino. It is safe for concurrent use.
type Engine struct {
	o      Options
	server *url.URL
	client *http.Client
}

var _ athena.Engine = (*Engine)(nil)

// Open makes an engine. It makes no request.
func Open(o Options) (*Engine, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("open trino engine: %w", err)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Minute
	}
	if o.Progress == nil {
		o.Progress = func(athena.Progress) {}
	}
	server, err := url.Parse(strings.TrimSuffix(o.Server, "/"))
	if err != nil {
		return nil, fmt.Errorf("open trino engine: %w", err)
	}
	transport := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, TLSHandshakeTimeout: dialTimeout,
		ResponseHeaderTimeout: callTimeout, IdleConnTimeout: callTimeout, ForceAttemptHTTP2: true,
	}
	if o.CAFile != "" {
		roots, err := withCertificates(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("open trino engine: ca_file: %w", err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &Engine{o: o, server: server, client: &http.Client{
		Transport: transport,
		// A redirect would take the credentials to where nobody has named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func withCertificates(file string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return roots, nil
}

// Close closes idle connections: each Result cancels its own query.
func (e *Engine) Close() error {
	e.client.CloseIdleConnections()
	return nil
}

// Query starts q in Trino and waits for the columns of its answer.
func (e *Engine) Query(ctx context.Context, q athena.Query) (athena.Result, error) {
	text, err := statement(q)
	if err != nil {
		return nil, err
	}
	auth, err := e.authorization()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.o.Timeout, athena.ErrTimeout)
	r := &result{e: e, ctx: ctx, cancel: cancel, auth: auth, limit: q.Limit(), begin: time.Now()}
	if err := r.open(text); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// statement is what Trino shall run. Values go behind the query, each checked to
// be one literal; they are never put into it.
func statement(q athena.Query) (string, error) {
	params, err := athena.CheckLiterals(q.Params)
	if err != nil {
		return "", err
	}
	sql := strings.TrimRight(q.SQL, "; \t\r\n") // the protocol knows no semicolon
	if !q.Declare {
		if sql, err = spoken(sql); err != nil {
			return "", err
		}
	}
	if q.Explain {
		sql = "EXPLAIN " + sql
	}
	if len(params) > 0 {
		sql = "EXECUTE IMMEDIATE " + athena.TextLiteral(sql) + " USING " + strings.Join(params, ", ")
	}
	return sql, nil
}

// spoken is sql in Trino's grammar. What Athena has and Trino lacks is refused by name;
// what would change something, too; and what is not known here, Trino judges.
func spoken(sql string) (string, error) {
	if err := dialect.Refuse(sql); err != nil {
		return "", err
	}
	st, err := dialect.Read(sql)
	if err != nil {
		return sql, nil //nolint:nilerr // Trino's grammar has more
	}
	var advice string
	switch {
	case st.Sub == dialect.ShowDatabases && st.Match == nil && st.Database == nil:
		return "SHOW SCHEMAS", nil
	case st.Sub == dialect.ShowPartitions:
		advice = `SELECT * FROM "` + dialect.Table + `$partitions"`
	case st.Sub == dialect.ShowProperties, st.Formatted:
		advice = "SHOW CREATE TABLE"
	case st.Sub == dialect.ShowViews:
		advice = "SELECT table_name FROM information_schema.views"
	case st.Match != nil:
		advice = "SELECT table_name FROM information_schema.tables WHERE regexp_like(table_name, '…')"
	default:
		return sql, nil
	}
	return "", &athena.Error{Kind: athena.ErrRefused, Construct: strings.ReplaceAll(st.Sub, "_", " ") + " in this form",
		Detail: "Trino has no such statement; write " + advice}
}

// authorization reads the secret anew for each query: it may have been rotated.
func (e *Engine) authorization() (string, error) {
	file := e.o.TokenFile + e.o.PasswordFile // one of them at most
	if file == "" {
		return "", nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("secret of trino: %w", err)
	}
	secret := strings.TrimSpace(string(raw))
	if e.o.TokenFile != "" {
		return "Bearer " + secret, nil
	}
	var basic http.Request
	basic.Header = http.Header{}
	basic.SetBasicAuth(e.o.User, secret)
	return basic.Header.Get("Authorization"), nil
}
