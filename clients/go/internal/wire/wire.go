// Package wire speaks to the sidecar: one POST of NDJSON, and what its answer
// means for the events that were in it.
//
// Whether to ask again, and when, is the caller's business; this package never
// does.
package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes. An answer to 10,000
// events has a tenth of it.
const maxAnswer = 8 << 20

// Client posts events. It is safe for concurrent use.
type Client struct {
	url     string
	token   string
	timeout time.Duration
	http    *http.Client
	now     func() time.Time
}

// New returns a client of the sidecar at address: http://, https:// or
// unix:/path/to/socket. timeout bounds one request. A nil transport stands for
// one of its own, without proxies: the sidecar is near.
func New(address, token string, timeout time.Duration, transport http.RoundTripper) (*Client, error) {
	dial := (&net.Dialer{Timeout: timeout}).DialContext
	base := address
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		if !strings.HasPrefix(socket, "/") {
			return nil, fmt.Errorf("url %q: the path of the socket must begin with /", address)
		}
		// The sidecar without tokens serves only who asks for this machine by name.
		base = "http://localhost"
		tcp := dial
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return tcp(ctx, "unix", socket) }
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("url %q: must be http://host, https://host or unix:/path", u.Redacted())
	}
	if transport == nil {
		transport = &http.Transport{
			DialContext:         dial,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     time.Minute,
			TLSHandshakeTimeout: timeout,
			ForceAttemptHTTP2:   true,
		}
	}
	return &Client{
		url:     u.JoinPath("v1/events").String(),
		token:   token,
		timeout: timeout,
		now:     time.Now,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// CloseIdle closes the connections that are not in use.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Post sends n events, one per line, and says what became of them. body must
// not change before ctx ends: a transport may still read it when Post is back.
func (c *Client) Post(ctx context.Context, body []byte, n int) Answer {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %v", c.timeout))
	defer cancel()
	var sent connected
	req, err := http.NewRequestWithContext(sent.watch(ctx), http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return Answer{Verdict: Retry, Err: err}
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Accept", "application/json, application/problem+json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	// Not sent, as it has no value; it tells net/http that the request may be
	// repeated when a kept connection turns out to be closed. The ids make it so.
	req.Header["Idempotency-Key"] = []string{}
	res, err := c.http.Do(req)
	if err != nil {
		return Answer{Verdict: Retry, Unknown: sent.possibly(), Err: causeOf(ctx, err)}
	}
	defer func() { _ = res.Body.Close() }() // read to its end, or of no use any more
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return Answer{Verdict: Retry, Status: res.StatusCode, Unknown: true,
			Err: fmt.Errorf("read answer with status %d: %w", res.StatusCode, causeOf(ctx, err))}
	}
	return Judge(res.StatusCode, res.Header, b, n, c.now())
}

// connected knows whether the sidecar can have seen a request.
type connected struct{ asked, got atomic.Bool }

func (c *connected) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.got.Store(true) },
	})
}

// possibly is true unless a connection was asked for and never there. A transport
// that is not net/http's may not ask where we see it.
func (c *connected) possibly() bool { return c.got.Load() || !c.asked.Load() }

// causeOf prefers what ended ctx, in our words, to the transport's.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the method and the address, which the caller knows
	}
	return err
}
