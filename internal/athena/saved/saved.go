// Package saved is the compliance pack: questions that auditors ask, as data.
//
// A query is Athena SQL with ? for its parameters. Values are checked against the
// type of their parameter and become SQL literals; they are never put into the
// text, so no value can change what is asked. Each query bounds timestamp and dt
// by the same parameter, so that no engine reads days it does not need.
package saved

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// Type is what a parameter may be.
type Type string

// The types, and how a person writes them.
const (
	Text  Type = "text"  // anything
	Hours Type = "hours" // a whole number from 1 to 87600, ten years
	Count Type = "count" // a whole number from 1 to 1000000
	Clock Type = "clock" // an hour of the day in UTC, 0 to 24
)

// Param is one value that a query takes.
type Param struct {
	Name    string `json:"name"`
	Type    Type   `json:"type"`
	Default string `json:"default"` // "" means that it must be given
	About   string `json:"about"`
}

// Query is one saved question.
type Query struct {
	Name       string   `json:"name"`
	Title      string   `json:"title"`
	About      string   `json:"about"`      // what it shows, and what it does not
	Frameworks []string `json:"frameworks"` // the controls that it is evidence for
	SQL        string   `json:"sql"`
	Params     []Param  `json:"params"`

	// args names the parameter of each ? of SQL, in order.
	args []string
}

// Find returns the query of that name.
func Find(name string) (Query, bool) {
	i := slices.IndexFunc(All(), func(q Query) bool { return q.Name == name })
	if i < 0 {
		return Query{}, false
	}
	return All()[i], true
}

// Names lists the names, in the order of All.
func Names() []string {
	var names []string
	for _, q := range All() {
		names = append(names, q.Name)
	}
	return names
}

// Ask fills values into q. now is the end of every window that is given in hours.
// The errors are *athena.Error of kind ErrInvalid and name the parameter.
func (q Query) Ask(values map[string]string, now time.Time) (athena.Query, error) {
	literals := map[string]string{}
	for _, p := range q.Params {
		value, given := values[p.Name]
		switch {
		case !given && p.Default == "":
			return athena.Query{}, invalid(p, "it must be given: --param "+p.Name+"=…")
		case !given:
			value = p.Default
		}
		if err := p.check(value); err != nil {
			return athena.Query{}, err
		}
		maps.Copy(literals, p.literals(value, now))
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.ContainsFunc(q.Params, func(p Param) bool { return p.Name == name }) {
			return athena.Query{}, &athena.Error{Kind: athena.ErrInvalid, Construct: "parameter " + name, Detail: "query " + q.Name + " takes " + q.takes()}
		}
	}
	ask := athena.Query{SQL: q.SQL}
	for _, name := range q.args {
		ask.Params = append(ask.Params, literals[name])
	}
	return ask, nil
}

func (q Query) takes() string {
	var names []string
	for _, p := range q.Params {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// Args says what each ? of SQL stands for, in order: a parameter by its name, or
// since and day, the instant (TIMESTAMP '…') and the day ('…') at which a window
// in hours begins.
func (q Query) Args() []string { return slices.Clone(q.args) }

func invalid(p Param, detail string) error {
	return &athena.Error{Kind: athena.ErrInvalid, Construct: "parameter " + p.Name, Detail: detail}
}

var digits = regexp.MustCompile(`^[0-9]{1,9}$`)

// check accepts what the type says and nothing else.
func (p Param) check(value string) error {
	low, high := 1, 0
	switch p.Type {
	case Text:
		if strings.ContainsRune(value, 0) {
			return invalid(p, "it holds the character U+0000")
		}
		return nil
	case Hours:
		high = 87_600
	case Count:
		high = 1_000_000
	case Clock:
		low, high = 0, 24
	}
	n, err := strconv.Atoi(value)
	if !digits.MatchString(value) || err != nil || n < low || n > high {
		return invalid(p, fmt.Sprintf("%q is no whole number from %d to %d", value, low, high))
	}
	return nil
}

// literals are what ? may stand for: the parameter's own value and, for a window in
// hours, the instant and the day at which it begins.
func (p Param) literals(value string, now time.Time) map[string]string {
	switch p.Type {
	case Text:
		return map[string]string{p.Name: athena.TextLiteral(value)}
	case Hours:
		n, err := strconv.Atoi(value)
		if err != nil {
			panic("bug: hours that were checked: " + err.Error())
		}
		from := now.UTC().Add(-time.Duration(n) * time.Hour)
		return map[string]string{
			p.Name: strconv.Itoa(n), "since": "TIMESTAMP '" + from.Format("2006-01-02 15:04:05.000") + "'",
			"day": "'" + from.Format("2006-01-02") + "'",
		}
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		panic("bug: number that was checked: " + err.Error())
	}
	return map[string]string{p.Name: strconv.Itoa(n)}
}
