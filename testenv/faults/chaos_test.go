//go:build linux

package faults

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/chaos"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// newChaosSite makes an archive on MinIO, which the server reaches through a proxy.
func newChaosSite(t testing.TB, more ...string) (*site, *chaos.Proxy) {
	t.Helper()
	t.Helper()
	return newSiteBehindChaos(t, s3test.MinIO(t), more...)
}

// newSiteBehindChaos makes an archive on any server, which is reached through a proxy.
func newSiteBehindChaos(t testing.TB, server s3test.Server, more ...string) (*site, *chaos.Proxy) {
	t.Helper()
	cfg := server.Config(t)
	proxy := chaos.Start(t, strings.TrimPrefix(cfg.Endpoint, "http://"))
	return newSiteAt(t, cfg, proxy.Addr, more...), proxy
}

// strikes waits until a rule has struck as often as it was to.
func strikes(t testing.TB, v *server, r *chaos.Rule) {
	t.Helper()
	select {
	case <-r.Done():
	case <-v.done:
		t.Fatalf("it ended\n%s", v.log)
	case <-time.After(patience):
		t.Fatalf("the rule has not struck within %s\n%s", patience, v.log)
	}
}

// suffers waits until /readyz says that the archive fails, with these words, while events are taken.
func (v *server) suffers(t testing.TB, words string) {
	t.Helper()
	await(t, "it says "+words, func() (bool, string) {
		status, text := v.readyz()
		return status == http.StatusOK && strings.Contains(text, "failing since") && strings.Contains(text, words), text
	})
}

// versions counts the versions of each key in the bucket, and demands that each is under lock.
func (s *site) versions(t testing.TB) map[string]int {
	t.Helper()
	store, err := s3store.Open(t.Context(), s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for v, err := range store.Versions(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		count[v.Key]++
		head, err := store.Head(t.Context(), v.Key, v.VersionID)
		if err != nil || head.Mode != "COMPLIANCE" || head.RetainUntil.IsZero() {
			t.Errorf("%s version %s: mode %q until %s, %v", v.Key, v.VersionID, head.Mode, head.RetainUntil, err)
		}
	}
	return count
}

// isProbe reports whether an object is one of those on which a starting server
// tries what the bucket must refuse: writing over it without a condition, say.
func isProbe(key string) bool { return strings.Contains(key, prefix+"/probe/") }

// calm is the end of every test here: everything is archived, and there is one locked version of each object.
func (s *site) calm(t testing.TB, v *server, p *chaos.Proxy) {
	t.Helper()
	v.archived(t)
	v.stop(t)
	s.settle(t)
	s.single(t, p)
}

// single demands that there is one locked version of each object, and that nothing else was tried.
func (s *site) single(t testing.TB, p *chaos.Proxy) {
	t.Helper()
	for key, n := range s.versions(t) {
		if n != 1 && !isProbe(key) {
			t.Errorf("%s has %d versions", key, n)
		}
	}
	for _, r := range p.Requests() {
		if r.Method != http.MethodPut || !strings.Contains(r.Path, "/"+prefix+"/") || isProbe(r.Path) {
			continue
		}
		if r.Header.Get("X-Amz-Object-Lock-Mode") != "COMPLIANCE" || r.Header.Get("X-Amz-Object-Lock-Retain-Until-Date") == "" || r.Header.Get("If-None-Match") != "*" {
			t.Errorf("PUT %s was sent without lock or condition: %v", r.Path, r.Header)
		}
	}
}

// TestFaultB33Cut: the connection breaks when the store has the whole request, before or after it has answered, once
// and three times, which is as often as one call is repeated. What was stored is found and adopted.
func TestFaultB33Cut(t *testing.T) {
	need(t, short)
	for name, cut := range map[string]chaos.Action{"after the body": chaos.CutAfterBody, "before the answer": chaos.CutBeforeAnswer} {
		for _, what := range []string{".parquet", ".commit"} {
			for _, times := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s of %s, %d times", name, what, times), func(t *testing.T) {
					s, p := newChaosSite(t)
					v := s.start(t, how{})
					v.stored(t, 2)
					v.archived(t)
					rule := p.Next(times, chaos.Puts(what), cut)
					v.stored(t, 5)
					strikes(t, v, rule)
					v.stored(t, 3)
					s.calm(t, v, p)
				})
			}
		}
	}
}

// weather is all that can happen to a request and is soon over.
var weather = []chaos.Action{chaos.CutAfterBody, chaos.CutBeforeAnswer, chaos.Lose, chaos.Flip, chaos.Late(20 * time.Millisecond),
	chaos.Refuse(500, "InternalError"), chaos.Refuse(503, "SlowDown"), chaos.Refuse(409, "ConditionalRequestConflict"), chaos.Refuse(403, "AccessDenied")}

// TestFaultB33Weather: for a while, every third request to the store meets one of all that can happen to it, while
// events come in. (FAULTS=all: longer.)
func TestFaultB33Weather(t *testing.T) {
	need(t, short)
	seed := seedOf(t)
	rounds := map[level]int{short: 100, all: 1000}[levelOf(t)]
	s, p := newChaosSite(t)
	v := s.start(t, how{})
	ours, theirs := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	unlucky := func(*http.Request) bool { return theirs.IntN(3) == 0 } // the proxy asks for one request at a time
	for range rounds {
		heal := p.Until(unlucky, weather[ours.IntN(len(weather))])
		before := len(p.Requests())
		v.stored(t, 1+ours.IntN(20))
		await(t, "the store is asked", func() (bool, string) { return len(p.Requests()) > before, v.log.String() })
		heal()
	}
	s.calm(t, v, p)
}

// TestFaultB34Storm: errors of the server and calls to slow down, for whatever is asked. It waits longer each time,
// takes events meanwhile, says what is wrong, and sends everything in order afterwards.
func TestFaultB34Storm(t *testing.T) {
	need(t, short)
	for _, answer := range []struct {
		status int
		code   string
	}{{500, "InternalError"}, {503, "SlowDown"}} {
		t.Run(answer.code, func(t *testing.T) {
			s, p := newChaosSite(t)
			v := s.start(t, how{})
			v.stored(t, 2)
			v.archived(t)
			rule := p.Next(12, chaos.Any, chaos.Refuse(answer.status, answer.code))
			v.stored(t, 5)
			v.suffers(t, answer.code)
			v.stored(t, 5)
			strikes(t, v, rule)
			s.calm(t, v, p)
			var struck []chaos.Seen
			for _, r := range p.Requests() {
				if r.Struck {
					struck = append(struck, r)
				}
			}
			// Three attempts per step, and at least half of 200, 400 and 800 ms between the four steps.
			if took := struck[len(struck)-1].At.Sub(struck[0].At); took < 700*time.Millisecond {
				t.Errorf("%d requests in %s: a hot loop", len(struck), took)
			}
		})
	}
}

// TestFaultB35Conflict: 409 means that somebody else writes the key at this moment. It is asked again and is not taken
// for a key that exists.
func TestFaultB35Conflict(t *testing.T) {
	need(t, short)
	for _, what := range []string{".parquet", ".commit"} {
		t.Run(what, func(t *testing.T) {
			s, p := newChaosSite(t)
			v := s.start(t, how{})
			rule := p.Next(7, chaos.Puts(what), chaos.Refuse(http.StatusConflict, "ConditionalRequestConflict"))
			v.stored(t, 5)
			strikes(t, v, rule)
			s.calm(t, v, p)
		})
	}
}

// TestFaultB38Expired: every call is refused because the token has expired, then it is accepted again.
func TestFaultB38Expired(t *testing.T) {
	need(t, short)
	s, p := newChaosSite(t)
	v := s.start(t, how{})
	v.stored(t, 2)
	v.archived(t)
	heal := p.Until(chaos.Any, chaos.Refuse(http.StatusForbidden, "ExpiredToken"))
	v.stored(t, 5)
	v.suffers(t, "ExpiredToken")
	v.stored(t, 5)
	heal()
	s.calm(t, v, p)
}

// TestFaultB38Rotated: MinIO does not know the access key. With the right one in the file everything goes out, without
// a restart. (The file is read again after a minute, so this test takes one.)
func TestFaultB38Rotated(t *testing.T) {
	need(t, all)
	s, p := newChaosSite(t)
	good, err := os.ReadFile(s.cfg.CredentialsFile)
	if err != nil {
		t.Fatal(err)
	}
	s.edit(t, "archive:\n", "archive:\n  start_offline: true\n")
	v := s.start(t, how{})
	v.stored(t, 2)
	v.stop(t)
	if err := os.WriteFile(s.cfg.CredentialsFile, []byte(strings.ReplaceAll(string(good), " = ", " = old")), 0o600); err != nil {
		t.Fatal(err)
	}
	v = s.start(t, how{})
	v.stored(t, 5)
	v.suffers(t, "InvalidAccessKeyId")
	if err := os.WriteFile(s.cfg.CredentialsFile, good, 0o600); err != nil {
		t.Fatal(err)
	}
	s.calm(t, v, p)
}

// TestFaultB39NoRetention: whoever may write, but not lock, gets nothing into the bucket: no upload is tried without a
// lock.
func TestFaultB39NoRetention(t *testing.T) {
	need(t, short)
	s, p := newChaosSite(t)
	v := s.start(t, how{})
	v.stored(t, 2)
	v.archived(t)
	before := s.versions(t)
	heal := p.Until(func(r *http.Request) bool {
		return r.Method == http.MethodPut && (r.Header.Get("X-Amz-Object-Lock-Mode") != "" || r.URL.Query().Has("retention"))
	}, chaos.Refuse(http.StatusForbidden, "AccessDenied"))
	v.stored(t, 5)
	v.suffers(t, "AccessDenied")
	if after := s.versions(t); !maps.Equal(before, after) {
		t.Errorf("objects before %v, after %v", before, after)
	}
	heal()
	s.calm(t, v, p)
}

// TestFaultB42BitFlip: a bit flips on the way to the store, which refuses the body; and the store claims to hold other
// bytes than were sent. Neither is committed, and the right ones are.
func TestFaultB42BitFlip(t *testing.T) {
	need(t, short)
	claim := chaos.EditAnswer(func(a *chaos.Answer) {
		a.Header.Set("X-Amz-Checksum-Sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	})
	for _, what := range []string{".parquet", ".commit"} {
		for _, bad := range []struct {
			name  string
			do    chaos.Action
			times int
		}{{"flipped", chaos.Flip, 4}, {"claimed", claim, 1}} {
			t.Run(bad.name+" "+what, func(t *testing.T) {
				s, p := newChaosSite(t)
				v := s.start(t, how{})
				rule := p.Next(bad.times, chaos.Puts(what), bad.do)
				v.stored(t, 5)
				strikes(t, v, rule)
				s.calm(t, v, p)
			})
		}
	}
}

// TestFaultB43Skew: the machine's clock is 20 minutes behind. The error can be read, events are taken, and with the
// clock put right everything goes out.
func TestFaultB43Skew(t *testing.T) {
	need(t, short)
	s, p := newChaosSite(t)
	v := s.start(t, how{})
	v.stored(t, 2)
	v.archived(t)
	heal := p.Until(chaos.Any, chaos.Edit(func(r *http.Request) {
		const layout = "20060102T150405Z"
		if at, err := time.Parse(layout, r.Header.Get("X-Amz-Date")); err == nil {
			r.Header.Set("X-Amz-Date", at.Add(-20*time.Minute).Format(layout))
		}
	}))
	v.stored(t, 5)
	v.suffers(t, "set the clock")
	v.stored(t, 5)
	heal()
	s.calm(t, v, p)
}

// TestFaultB45Silence: the store takes a request and says nothing, or answers one byte per second. Events are
// acknowledged meanwhile; the call ends after its time, half a minute, and is made again.
func TestFaultB45Silence(t *testing.T) {
	need(t, all)
	for name, do := range map[string]chaos.Action{"black hole": chaos.BlackHole, "one byte per second": chaos.Trickle(time.Second)} {
		for _, what := range []string{".parquet", ".commit"} {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				s, p := newChaosSite(t)
				v := s.start(t, how{})
				rule := p.Next(1, chaos.Puts(what), do)
				v.stored(t, 5)
				await(t, "the upload hangs", func() (bool, string) {
					return slices.ContainsFunc(p.Requests(), func(r chaos.Seen) bool { return r.Struck }), v.log.String()
				})
				for range 10 {
					v.stored(t, 3)
				}
				select {
				case <-rule.Done():
					t.Error("ten requests took as long as the upload that hangs")
				default:
				}
				strikes(t, v, rule)
				s.calm(t, v, p)
			})
		}
	}
}

// TestFaultB45Slow: every call takes a fifth of a second longer.
func TestFaultB45Slow(t *testing.T) {
	need(t, short)
	s, p := newChaosSite(t)
	heal := p.Until(chaos.Any, chaos.Late(200*time.Millisecond))
	v := s.start(t, how{})
	for i := range 5 {
		v.stored(t, 1+i)
	}
	v.archived(t)
	heal()
	s.calm(t, v, p)
}
