package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/event"
)

// Scopes of a [Client] and a [Route].
const (
	ScopeIngest = "ingest" // post events
	ScopeQuery  = "query"  // run SQL
)

// Client is somebody with a bearer token.
type Client struct {
	Name        string // the producer of its events
	TokenSHA256 string // SHA-256 of the token, in hex
	Scopes      []string
	Class       string // retention class of its events; empty: the default class
}

// auth knows the clients.
type auth struct {
	clients      []Client
	hashes       [][sha256.Size]byte // of clients[i]'s token
	defaultClass string
	origins      *http.CrossOriginProtection // a page that a browser on this machine shows is not a client
}

func newAuth(clients []Client, defaultClass string) (*auth, error) {
	a := &auth{clients: slices.Clone(clients), defaultClass: defaultClass, origins: http.NewCrossOriginProtection()}
	for i := range a.clients {
		c := &a.clients[i]
		if c.Name == "" {
			return nil, fmt.Errorf("client %d: has no name", i)
		}
		hash, err := hex.DecodeString(c.TokenSHA256)
		if err != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("client %s: the token's SHA-256 is not 64 hex digits", c.Name)
		}
		if [sha256.Size]byte(hash) == sha256.Sum256(nil) {
			return nil, fmt.Errorf("client %s: the token is empty", c.Name) // the variable was not set, say
		}
		if c.Class == "" {
			c.Class = defaultClass
		}
		if !event.ValidClass(c.Class) {
			return nil, fmt.Errorf("client %s: %q is not a class name", c.Name, c.Class)
		}
		for _, s := range c.Scopes {
			if s != ScopeIngest && s != ScopeQuery {
				return nil, fmt.Errorf("client %s: scope %q is unknown", c.Name, s)
			}
		}
		a.hashes = append(a.hashes, [sha256.Size]byte(hash))
	}
	return a, nil
}

// check returns the client that sent r, or the problem that keeps it out.
func (a *auth) check(r *http.Request, scope string) (Client, *problem) {
	if len(a.clients) == 0 {
		if !localHost(r.Host) {
			return Client{}, newProblem(http.StatusForbidden, kindForbidden, "Not allowed",
				"without tokens only requests to localhost or a loopback address are served")
		}
		if err := a.origins.Check(r); err != nil {
			return Client{}, newProblem(http.StatusForbidden, kindForbidden, "Not allowed",
				"without tokens no requests of web pages of other origins are served")
		}
		return Client{Name: local, Class: a.defaultClass}, nil
	}
	c := a.find(r.Header["Authorization"])
	switch {
	case c == nil:
		return Client{}, newProblem(http.StatusUnauthorized, kindUnauthorized, "Who are you?",
			"send the header Authorization: Bearer <token> with a token that is configured")
	case !slices.Contains(c.Scopes, scope):
		return Client{}, newProblem(http.StatusForbidden, kindForbidden, "Not allowed",
			fmt.Sprintf("the token of %q does not have the scope %q", c.Name, scope))
	}
	return *c, nil
}

// find returns the client whose token is in the header, or nil. It takes the
// same time wherever the client stands and however much of the token is right.
func (a *auth) find(authorization []string) *Client {
	if len(authorization) != 1 {
		return nil
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	hash := sha256.Sum256([]byte(strings.TrimSpace(token)))
	found := -1
	for i := range a.hashes {
		equal := subtle.ConstantTimeCompare(hash[:], a.hashes[i][:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 {
		return nil
	}
	return &a.clients[found]
}

// localHost keeps web pages out: one that had its own name resolve to 127.0.0.1
// could otherwise use a visitor's browser to read the archive of the machine.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}

// clientHandler is a handler that is told who asks.
type clientHandler func(http.ResponseWriter, *http.Request, Client)

// require lets only clients with the scope through to next.
func (a *auth) require(scope string, next clientHandler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, p := a.check(r, scope)
		if p == nil {
			next(w, r, c)
			return
		}
		switch p.Status {
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", `Bearer realm="archiver"`)
		case http.StatusForbidden:
			if len(a.clients) == 0 {
				break // no token would help
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="archiver", error="insufficient_scope", scope="`+scope+`"`)
		}
		p.write(w)
	})
}
