package gen

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// action is what is done, to what, and what its details tell.
type action struct {
	name, kind string
	shape      shape
	method     string
	path       string
}

// shape is the form of an action's details.
type shape int

const (
	request shape = iota // what was asked and how it went
	change               // fields, from what to what
	object               // the object as a whole
)

// words are what events are made of.
type words struct {
	actions                                                  []action // the most frequent first
	reasons, regions, agents, fields, states, subjects, tags []string
}

func newWords() words {
	w := words{
		reasons: []string{"permission denied", "bad password", "quota exceeded: plan allows 50 projects", "resource is locked",
			"version conflict: somebody else changed it", "token expired"},
		regions: []string{"eu-central-1", "us-east-1", "ap-southeast-2"},
		agents: []string{
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
			"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
			"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
			"kubernetes/1.31 example-operator/0.9.4",
			"ExampleApp/7.2.1 (iPhone15,2; iOS 17.5.1; Scale/3.0)",
			"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 Firefox/126.0",
			"curl/8.8.0",
			"python-requests/2.32.3", "example-cli/4.11.0 (linux; amd64)", "Go-http-client/2.0", "okhttp/4.12.0",
		},
		fields:   []string{"status", "owner", "title", "visibility", "due_date", "priority"},
		states:   []string{"draft", "review", "approved", "archived", "public", "private", "2026-12-31", "high", "low"},
		subjects: []string{"Quarterly report", "Invoice run", "Übersicht Kunden", "Onboarding plan", "Data export", "Prüfbericht"},
		tags:     []string{"finance", "legal", "internal", "customer", "q3", "urgent", "template"},
	}
	for _, name := range []string{
		"document.view", "session.login", "document.update", "project.view", "user.view", "invoice.view", "session.logout",
		"document.create", "report.export", "api_key.use", "document.share", "webhook.deliver", "project.update", "invoice.create",
		"user.update", "document.delete", "invoice.approve", "report.create", "user.invite", "project.create", "api_key.create",
		"webhook.update", "api_key.revoke", "user.delete",
	} {
		kind, verb, _ := strings.Cut(name, ".")
		a := action{name: name, kind: kind, path: "/v1/" + kind + "s"}
		switch verb {
		case "update", "approve", "share", "invite":
			a.shape, a.method = change, "PATCH"
		case "create", "delete", "revoke":
			a.shape, a.method = object, "POST"
		case "login", "deliver", "use", "export":
			a.method = "POST"
		default:
			a.method = "GET"
		}
		w.actions = append(w.actions, a)
	}
	return w
}

// details is a JSON object of 90 to 240 bytes.
func (g *Generator) details(a *action) string {
	w := &g.words
	b := make([]byte, 0, 256)
	b = append(b, `{"method":"`+a.method+`","path":"`+a.path+`","ms":`...)
	b = strconv.AppendInt(b, int64(1+g.rng.ExpFloat64()*40), 10)
	switch a.shape {
	case request:
		b = append(b, `,"region":"`+g.one(w.regions)+`","version":`...)
		b = strconv.AppendInt(b, int64(g.rng.IntN(40)), 10)
	case change:
		b = append(b, `,"changes":[`...)
		for i := range 1 + g.rng.IntN(2) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"field":"`+g.one(w.fields)+`","from":"`+g.one(w.states)+`","to":"`+g.one(w.states)+`"}`...)
		}
		b = append(b, ']')
	case object:
		b = append(b, `,"name":"`+g.one(w.subjects)+` `...)
		b = strconv.AppendInt(b, int64(g.rng.IntN(1000)), 10)
		b = append(b, `","tags":["`+g.one(w.tags)+`","`+g.one(w.tags)+`"],"parent":null,"draft":`...)
		b = strconv.AppendBool(b, g.rng.IntN(2) == 0)
	}
	return string(append(b, '}'))
}

// one is any of list, each as often.
func (g *Generator) one(list []string) string { return list[g.rng.IntN(len(list))] }

// hex is n random bytes.
func (g *Generator) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
	return hex.EncodeToString(b)
}

// padded is n in decimal, with zeros before it up to width digits.
func padded(n uint64, width int) string {
	s := strconv.FormatUint(n, 10)
	return strings.Repeat("0", max(width-len(s), 0)) + s
}
