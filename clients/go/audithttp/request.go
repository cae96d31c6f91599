package audithttp

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"unicode/utf8"

	audit "github.com/audit-archiver/archiver/clients/go"
)

// requestIDOf returns the incoming id if it is one to trust in logs and
// headers, else a new one.
func requestIDOf(h http.Header) string {
	id := h.Get("X-Request-Id")
	if len(id) < 1 || len(id) > 128 {
		return audit.NewID()
	}
	for i := range len(id) {
		c := id[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("._:@/+=-", c) < 0 {
			return audit.NewID()
		}
	}
	return id
}

// parseProxies reads addresses and CIDR networks.
func parseProxies(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p.Masked())
			continue
		}
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return nil, fmt.Errorf("trusted proxy %q: must be an address or a network such as 10.0.0.0/8", s)
		}
		a = a.Unmap()
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	return out, nil
}

// clientIP walks from the peer towards the client as long as who names the next
// one is trusted, and returns the last address that it believes; "" if the peer
// has none. Everything to the left of that is the client's own invention.
func clientIP(peer string, forwarded []string, trusted []netip.Prefix) string {
	at, ok := peerAddr(peer)
	if !ok {
		return ""
	}
	list := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(list) - 1; i >= 0 && isTrusted(at, trusted); i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(list[i]))
		if err != nil || a.Zone() != "" {
			break
		}
		at = a.Unmap()
	}
	return at.String()
}

// peerAddr reads http.Request.RemoteAddr, which net/http makes host:port, and
// some servers an address alone. A Unix socket's peer has no address.
func peerAddr(remote string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		return ap.Addr().WithZone("").Unmap(), true
	}
	a, err := netip.ParseAddr(remote)
	return a.WithZone("").Unmap(), err == nil
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// traceparentOf returns the header if it is valid: W3C Trace Context, version 00.
func traceparentOf(h http.Header) string {
	values := h.Values("Traceparent")
	if len(values) != 1 {
		return ""
	}
	const shape = "00-tttttttttttttttttttttttttttttttt-pppppppppppppppp-ff"
	s := values[0]
	if len(s) != len(shape) || s[:3] != "00-" || s[35] != '-' || s[52] != '-' {
		return ""
	}
	for i := range len(s) {
		c := s[i]
		if shape[i] != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	if strings.Trim(s[3:35], "0") == "" || strings.Trim(s[36:52], "0") == "" {
		return ""
	}
	return s
}

// clean makes a value that comes from outside fit for an event: nobody may make
// their own actions unrecordable with a strange header.
func clean(s string, bytesMax int) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	if len(s) <= bytesMax {
		return s
	}
	for bytesMax > 0 && !utf8.RuneStart(s[bytesMax]) {
		bytesMax--
	}
	return s[:bytesMax]
}
