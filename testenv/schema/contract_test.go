package schema_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The vectors are claims about the contract in clients/README.md. Here it is once
// more, in the most obvious code, so that a vector that is wrong does not become
// the behaviour of three clients.

type spoolVector struct {
	Segments []struct {
		Name   string
		Base64 string
	}
	Cursor string
	Expect struct {
		Delivered []string
		Damaged   int
		Torn      []torn
	}
}

type torn struct {
	Name   string
	Offset int
}

func TestSpoolVectors(t *testing.T) {
	each(t, "spool", 20, func(t *testing.T, v spoolVector) {
		var cursor struct {
			Segment int
			Offset  int
		}
		if err := json.Unmarshal([]byte(v.Cursor), &cursor); err != nil {
			cursor.Segment = 0 // none
		}
		segments := slices.Clone(v.Segments)
		slices.SortFunc(segments, func(a, b struct{ Name, Base64 string }) int { return strings.Compare(a.Name, b.Name) })
		var delivered []string
		var ends []torn
		damaged := 0
		for _, s := range segments {
			content, err := base64.StdEncoding.DecodeString(s.Base64)
			if err != nil {
				t.Fatal(err)
			}
			var n, at int
			if _, err := fmt.Sscanf(s.Name, "%d.spool", &n); err != nil || s.Name != fmt.Sprintf("%020d.spool", n) {
				t.Fatalf("segment %q: %v", s.Name, err)
			}
			switch {
			case n < cursor.Segment:
				continue
			case n == cursor.Segment:
				at = min(cursor.Offset, len(content))
			}
			for {
				length := bytes.IndexByte(content[at:], '\n')
				if length < 0 {
					break
				}
				if text, ok := whole(content[at : at+length]); ok {
					delivered = append(delivered, text)
				} else {
					damaged++
				}
				at += length + 1
			}
			if at < len(content) {
				ends = append(ends, torn{s.Name, at})
			}
		}
		if !slices.Equal(delivered, v.Expect.Delivered) || damaged != v.Expect.Damaged || !slices.Equal(ends, v.Expect.Torn) {
			t.Errorf("delivered %q, damaged %d, torn %v; the vector says %+v", delivered, damaged, ends, v.Expect)
		}
	})
}

// whole takes the event out of a line whose checksum is right.
func whole(line []byte) (string, bool) {
	if len(line) < 9 {
		return "", false
	}
	text := string(line[9:])
	return text, string(line[:9]) == fmt.Sprintf("%08x ", crc32.ChecksumIEEE(line[9:]))
}

type proxyVector struct {
	Peer    string
	Trusted []string `json:"trusted_proxies"`
	Lines   []string `json:"x_forwarded_for"`
	Expect  struct{ IP *string }
}

func TestProxyVectors(t *testing.T) {
	each(t, "proxy", 15, func(t *testing.T, v proxyVector) {
		trusted := func(a netip.Addr) bool {
			return slices.ContainsFunc(v.Trusted, func(s string) bool {
				if !strings.Contains(s, "/") {
					return netip.MustParseAddr(s) == a
				}
				return netip.MustParsePrefix(s).Contains(a)
			})
		}
		got := "none"
		walk := append(strings.Split(strings.Join(v.Lines, ","), ","), v.Peer)
		for _, s := range slices.Backward(walk) {
			a, err := netip.ParseAddr(strings.TrimSpace(s))
			if err != nil {
				break
			}
			a = a.Unmap()
			if got = a.String(); !trusted(a) {
				break
			}
		}
		want := "none"
		if v.Expect.IP != nil {
			want = *v.Expect.IP
		}
		if got != want {
			t.Errorf("by the contract it is %s, the vector says %s", got, want)
		}
	})
}

func TestHeaderVectors(t *testing.T) {
	same := func(t *testing.T, sent, want *string, good bool) {
		t.Helper()
		if (sent != nil && good) != (want != nil) || want != nil && *want != *sent {
			t.Errorf("by the contract it is good: %v; the vector disagrees", good)
		}
	}
	requestID := regexp.MustCompile(`^[A-Za-z0-9._:@/+=-]{1,128}$`)
	each(t, "request_id", 10, func(t *testing.T, v struct {
		Sent   *string `json:"x_request_id"`
		Expect struct {
			RequestID *string `json:"request_id"`
		}
	}) {
		same(t, v.Sent, v.Expect.RequestID, v.Sent != nil && requestID.MatchString(*v.Sent))
	})
	// https://www.w3.org/TR/trace-context/#traceparent-header
	traceparent := regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$`)
	each(t, "traceparent", 10, func(t *testing.T, v struct {
		Sent   *string `json:"traceparent"`
		Expect struct{ Traceparent *string }
	}) {
		good := false
		if v.Sent != nil {
			parts := traceparent.FindStringSubmatch(*v.Sent)
			good = parts != nil && strings.Trim(parts[1], "0") != "" && strings.Trim(parts[2], "0") != ""
		}
		same(t, v.Sent, v.Expect.Traceparent, good)
	})
	each(t, "user_agent", 4, func(t *testing.T, v struct {
		Sent   *string `json:"user_agent"`
		Expect struct {
			UserAgent *string `json:"user_agent"`
		}
	}) {
		if v.Sent != nil { // all of them are ASCII
			*v.Sent = (*v.Sent)[:min(len(*v.Sent), 4096)]
		}
		same(t, v.Sent, v.Expect.UserAgent, true)
	})
}

func compact(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
