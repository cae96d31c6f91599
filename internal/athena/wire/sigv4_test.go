package wire

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSignature(t *testing.T) {
	start := object{"QueryString": "SELECT 1"}
	for name, tt := range map[string]struct {
		key    Key
		change func(*http.Request)
		skew   time.Duration
		want   string // of __type; "" is let in
	}{
		"right":           {key: ann},
		"a slow clock":    {key: ann, skew: skewMax},
		"a fast clock":    {key: ann, skew: -skewMax},
		"too old":         {key: ann, skew: skewMax + time.Second, want: "InvalidSignatureException"},
		"from the future": {key: ann, skew: -skewMax - time.Second, want: "InvalidSignatureException"},
		"unknown key":     {key: Key{AccessKey: "AKIANOBODY", Secret: "x"}, want: "UnrecognizedClientException"},
		"wrong secret":    {key: Key{AccessKey: ann.AccessKey, Secret: bob.Secret}, want: "InvalidSignatureException"},
		"no signature":    {key: ann, change: func(r *http.Request) { r.Header.Del("Authorization") }, want: "MissingAuthenticationTokenException"},
		"bearer token":    {key: ann, change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, want: "IncompleteSignatureException"},
		"other service": {key: ann, change: func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/athena/", "/s3/", 1))
		}, want: "IncompleteSignatureException"},
		"other body":      {key: ann, change: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"QueryString":"SELECT 2"}`)) }, want: "InvalidSignatureException"},
		"other operation": {key: ann, change: func(r *http.Request) { r.Header.Set("X-Amz-Target", targetPrefix+"ListWorkGroups") }, want: "InvalidSignatureException"},
		"other host":      {key: ann, change: func(r *http.Request) { r.Host = "example.com" }, want: "InvalidSignatureException"},
		"other date":      {key: ann, change: func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261123T101113Z") }, want: "InvalidSignatureException"},
		"no date":         {key: ann, change: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, want: "IncompleteSignatureException"},
		"session token":   {key: ann, change: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, want: "UnrecognizedClientException"},
		"unsigned target": {key: ann, change: func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), ";x-amz-target", "", 1))
		}, want: "InvalidSignatureException"},
		"unsigned payload": {key: ann, change: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, want: "InvalidSignatureException"},
		"cut signature": {key: ann, change: func(r *http.Request) {
			a := r.Header.Get("Authorization")
			r.Header.Set("Authorization", a[:len(a)-2])
		}, want: "IncompleteSignatureException"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.engine.answers["SELECT 1"] = numbers(1)
			r := w.request(tt.key, "StartQueryExecution", start)
			if tt.change != nil {
				tt.change(r)
			}
			w.now = w.now.Add(tt.skew)
			status, doc := w.send(r)
			got, _ := doc["__type"].(string)
			if got != tt.want || (status == http.StatusOK) != (tt.want == "") {
				t.Errorf("%d %v, want %q", status, doc, tt.want)
			}
			w.finish()
			if asked := len(w.engine.asked); (asked == 1) != (tt.want == "") {
				t.Errorf("the engine was asked %d times", asked)
			}
		})
	}
}

func TestOnlyPostToTheRoot(t *testing.T) {
	w := newWorld(t, nil)
	for _, tt := range []struct {
		method, target string
		want           int
	}{
		{http.MethodGet, "/", http.StatusMethodNotAllowed},
		{http.MethodPost, "/audit", http.StatusNotFound},
		{http.MethodPost, "/?x=1", http.StatusNotFound},
	} {
		r := w.request(ann, "ListWorkGroups", object{})
		r.Method = tt.method
		u, err := r.URL.Parse(tt.target)
		if err != nil {
			t.Fatal(err)
		}
		r.URL = u
		if status, doc := w.send(r); status != tt.want {
			t.Errorf("%s %s: %d %v", tt.method, tt.target, status, doc)
		}
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	w := newWorld(t, nil)
	if text := w.refused("InvalidRequestException", ann, "CreateWorkGroup", object{}); !strings.Contains(text, "CreateWorkGroup is not supported") {
		t.Errorf("it says %q", text)
	}
	w.refused("UnknownOperationException", ann, "a b", object{})
	w.refused("SerializationException", ann, "GetQueryExecution", []int{1})
	big := w.request(ann, "StartQueryExecution", object{"QueryString": string(bytes.Repeat([]byte("x"), maxBody))})
	if status, _ := w.send(big); status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", status)
	}
}

func TestThrottle(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rate, o.Burst = 2, 3 })
	for range 3 {
		w.call(ann, "ListWorkGroups", object{})
	}
	w.refused("ThrottlingException", ann, "ListWorkGroups", object{})
	w.call(bob, "ListWorkGroups", object{}) // has a bucket of its own
	w.now = w.now.Add(time.Second)
	for range 2 {
		w.call(ann, "ListWorkGroups", object{})
	}
	w.refused("ThrottlingException", ann, "ListWorkGroups", object{})
}

// TestTargetMustBeSigned: a signature that is right and leaves open what it is for
// could be used for anything.
func TestTargetMustBeSigned(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"X-Amz-Target", "Content-Type"} {
		r := w.request(ann, "ListWorkGroups", object{})
		value := r.Header.Get(name)
		r.Header.Del(name)
		r.Header.Del("Authorization")
		w.sign(ann, r, []byte("{}"))
		r.Header.Set(name, value)
		status, doc := w.send(r)
		if text, _ := doc["Message"].(string); status != http.StatusBadRequest || !strings.HasSuffix(text, "is not signed") {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
}
