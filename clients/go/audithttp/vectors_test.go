package audithttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audithttp"
	"github.com/audit-archiver/archiver/clients/go/internal/vectors"
)

const wireVectors = "../../../testenv/vectors/wire"

// serve runs one request through the middleware and returns the context that
// the handler saw, and the response.
func serve(t *testing.T, o audithttp.Options, r *http.Request) (audit.RequestContext, *httptest.ResponseRecorder) {
	t.Helper()
	mw, err := audithttp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var rc audit.RequestContext
	w := httptest.NewRecorder()
	mw(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		rc, _ = audit.FromContext(r.Context())
	})).ServeHTTP(w, r)
	return rc, w
}

// expect compares a string with a vector's string or null.
func expect(t *testing.T, what, got string, want *string) {
	t.Helper()
	if want == nil {
		want = new(string)
	}
	if got != *want {
		t.Errorf("%s %q, want %q", what, got, *want)
	}
}

func TestProxyVectors(t *testing.T) {
	type vector struct {
		Peer           string
		TrustedProxies []string `json:"trusted_proxies"`
		XForwardedFor  []string `json:"x_forwarded_for"`
		Expect         struct{ IP *string }
	}
	vectors.Each(t, wireVectors+"/proxy", func(t *testing.T, v vector) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = v.Peer
		r.Header["X-Forwarded-For"] = v.XForwardedFor
		rc, _ := serve(t, audithttp.Options{TrustedProxies: v.TrustedProxies}, r)
		expect(t, "ip", rc.IP, v.Expect.IP)
	})
}

func TestRequestIDVectors(t *testing.T) {
	type vector struct {
		XRequestID *string `json:"x_request_id"`
		Expect     struct {
			RequestID *string `json:"request_id"`
		}
	}
	vectors.Each(t, wireVectors+"/request_id", func(t *testing.T, v vector) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if v.XRequestID != nil {
			r.Header.Set("X-Request-Id", *v.XRequestID)
		}
		rc, w := serve(t, audithttp.Options{}, r)
		if got := w.Header().Get("X-Request-Id"); got != rc.RequestID {
			t.Errorf("the response says %q, the context %q", got, rc.RequestID)
		}
		if v.Expect.RequestID == nil && len(rc.RequestID) == 36 {
			return // a new one
		}
		expect(t, "request id", rc.RequestID, v.Expect.RequestID)
	})
}

func TestTraceparentVectors(t *testing.T) {
	type vector struct {
		Traceparent *string
		Expect      struct{ Traceparent *string }
	}
	vectors.Each(t, wireVectors+"/traceparent", func(t *testing.T, v vector) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if v.Traceparent != nil {
			r.Header.Set("Traceparent", *v.Traceparent)
		}
		rc, _ := serve(t, audithttp.Options{}, r)
		expect(t, "traceparent", rc.Traceparent, v.Expect.Traceparent)
	})
}

func TestUserAgentVectors(t *testing.T) {
	type vector struct {
		UserAgent *string `json:"user_agent"`
		Expect    struct {
			UserAgent *string `json:"user_agent"`
		}
	}
	vectors.Each(t, wireVectors+"/user_agent", func(t *testing.T, v vector) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if v.UserAgent != nil {
			r.Header.Set("User-Agent", *v.UserAgent)
		}
		rc, _ := serve(t, audithttp.Options{}, r)
		expect(t, "user agent", rc.UserAgent, v.Expect.UserAgent)
	})
}
