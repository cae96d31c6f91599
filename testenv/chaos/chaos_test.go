package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// echo is a store that keeps bodies and answers with the one it got.
type echo struct {
	mu   sync.Mutex
	got  []string
	came chan struct{}
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	e.mu.Lock()
	e.got = append(e.got, r.Method+" "+r.Host+" "+string(body))
	e.mu.Unlock()
	w.Header().Set("X-Sum", "1")
	_, _ = w.Write(body)
	e.came <- struct{}{}
}

func (e *echo) bodies() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.got, "|")
}

func start(t *testing.T) (*Proxy, *echo) {
	t.Helper()
	e := &echo{came: make(chan struct{}, 100)}
	store := httptest.NewServer(e)
	t.Cleanup(store.Close)
	return Start(t, strings.TrimPrefix(store.URL, "http://")), e
}

func put(ctx context.Context, p *Proxy, body string) (status int, answer string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+p.Addr+"/bucket/a.parquet", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Host = "signed.example"
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw) + resp.Header.Get("X-Sum"), err
}

func TestPass(t *testing.T) {
	p, e := start(t)
	big := strings.Repeat("x", 3<<20)
	status, answer, err := put(t.Context(), p, big)
	if err != nil || status != 200 || answer != big+"1" {
		t.Errorf("%d, %d bytes, %v", status, len(answer), err)
	}
	if !strings.HasPrefix(e.bodies(), "PUT signed.example x") {
		t.Error("the host, which is signed, did not come through")
	}
}

// TestActions: what the store has, what the client hears.
func TestActions(t *testing.T) {
	for name, tt := range map[string]struct {
		do     Action
		stored string // what the store gets; "": nothing
		status int    // 0: an error
		answer string
	}{
		"cut after body":    {CutAfterBody, "hello", 0, ""},
		"cut before answer": {CutBeforeAnswer, "hello", 0, ""},
		"lose":              {Lose, "", 0, ""},
		"refuse":            {Refuse(503, "SlowDown"), "", 503, "<Code>SlowDown</Code>"},
		"late":              {Late(time.Millisecond), "hello", 200, "hello1"},
		"trickle":           {Trickle(time.Microsecond), "hello", 200, "hello1"},
		"flip":              {Flip, "he|lo", 200, "he|lo1"},
		"edit":              {Edit(func(r *http.Request) { r.Host = "other.example" }), "hello", 200, "hello1"},
		"edit answer":       {EditAnswer(func(a *Answer) { a.Header.Set("X-Sum", "2") }), "hello", 200, "hello2"},
	} {
		t.Run(name, func(t *testing.T) {
			p, e := start(t)
			rule := p.Next(1, Puts(".parquet"), tt.do)
			status, answer, err := put(t.Context(), p, "hello")
			if status != tt.status || (err != nil) != (tt.status == 0) || !strings.Contains(answer, tt.answer) {
				t.Errorf("got %d %q %v", status, answer, err)
			}
			<-rule.Done()
			if tt.stored != "" {
				<-e.came
			}
			if got := e.bodies(); !strings.Contains(got, tt.stored) || tt.stored == "" && got != "" {
				t.Errorf("the store has %q, want %q", got, tt.stored)
			}
			if status, answer, err := put(t.Context(), p, "again"); status != 200 || answer != "again1" {
				t.Errorf("after that: %d %q %v", status, answer, err)
			}
			if seen := p.Requests(); len(seen) != 2 || !seen[0].Struck || seen[1].Struck {
				t.Errorf("seen %+v", seen)
			}
		})
	}
}

func TestBlackHole(t *testing.T) {
	p, e := start(t)
	rule := p.Next(1, Any, BlackHole)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := put(ctx, p, "hello"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-rule.Done()
	if e.bodies() != "" {
		t.Error("the store heard of it")
	}
}

// TestEnd: a test that ends while requests hang does not hang itself.
func TestEnd(t *testing.T) {
	var wg sync.WaitGroup
	t.Run("inner", func(t *testing.T) {
		p, _ := start(t)
		p.Until(Any, BlackHole)
		for range 10 {
			wg.Go(func() { _, _, _ = put(context.Background(), p, "hello") })
		}
		for len(p.Requests()) < 10 {
			select {
			case <-t.Context().Done():
			case <-time.After(time.Millisecond):
			}
		}
	})
	wg.Wait()
}

func TestUntil(t *testing.T) {
	p, _ := start(t)
	heal := p.Until(Puts("a.parquet"), Refuse(500, "InternalError"))
	for range 3 {
		if status, _, err := put(t.Context(), p, "x"); status != 500 {
			t.Errorf("%d %v", status, err)
		}
	}
	heal()
	if status, _, err := put(t.Context(), p, "x"); status != 200 {
		t.Errorf("%d %v", status, err)
	}
}

func TestTimes(t *testing.T) {
	p, _ := start(t)
	rule := p.Next(2, Any, Refuse(409, "ConditionalRequestConflict"))
	var got bytes.Buffer
	for range 3 {
		status, _, err := put(t.Context(), p, "x")
		fmt.Fprint(&got, status, err, " ")
	}
	<-rule.Done()
	if want := "409 <nil> 409 <nil> 200 <nil> "; got.String() != want {
		t.Errorf("%s, want %s", &got, want)
	}
}
