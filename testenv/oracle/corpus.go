package oracle

import (
	"embed"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// Query is one of the corpus.
type Query struct {
	Theme string // the file's name
	Name  string // unique in its theme
	SQL   string
	// Params are the values of its ?.
	Params []string
	// Refused names the exception of docs/dialect.md by which the embedded engine
	// refuses what Trino answers; "" is none.
	Refused string
}

//go:embed corpus/*.sql
var corpus embed.FS

// Corpus returns all queries, by theme, those of the compliance pack among them. A query is what follows its heading:
//
//	--- name
//	--- with: 'a parameter', 5
//	--- refused: an exception of docs/dialect.md
//	SELECT …
func Corpus() ([]Query, error) {
	names, err := corpus.ReadDir("corpus")
	if err != nil {
		return nil, err
	}
	all, err := packQueries()
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		text, err := corpus.ReadFile("corpus/" + n.Name())
		if err != nil {
			return nil, err
		}
		queries, err := parseQueries(strings.TrimSuffix(n.Name(), ".sql"), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, queries...)
	}
	return all, nil
}

// parseQueries reads the queries of one theme.
func parseQueries(theme, text string) (all []Query, err error) {
	for _, s := range sections(text) {
		q := Query{Theme: theme, Name: s.name, SQL: strings.TrimSpace(s.body)}
		q.SQL = strings.TrimSuffix(q.SQL, ";")
		for _, h := range s.heads {
			key, value, _ := strings.Cut(h, ": ")
			switch key {
			case "with":
				q.Params = splitParams(value)
			case "refused":
				q.Refused = value
			default:
				return nil, fmt.Errorf("%s: %s: heading %q is unknown", theme, s.name, h)
			}
		}
		if q.SQL == "" || q.Name == "" {
			return nil, fmt.Errorf("%s: query %q is empty", theme, q.Name)
		}
		all = append(all, q)
	}
	return all, nil
}

type section struct {
	name  string
	heads []string
	body  string
}

// sections splits a text at lines that begin with ---. Several in a row are of one section.
func sections(text string) []section {
	var all []section
	inHead := false
	for line := range strings.Lines(text) {
		head, ok := strings.CutPrefix(line, "--- ")
		head = strings.TrimSpace(head)
		switch {
		case ok && inHead:
			s := &all[len(all)-1]
			s.heads = append(s.heads, head)
		case ok:
			all = append(all, section{name: head})
		case len(all) > 0:
			all[len(all)-1].body += line
		}
		inHead = ok
	}
	return all
}

// splitParams splits at commas outside of quotes.
func splitParams(s string) []string {
	var params []string
	quoted, start := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			params = append(params, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(params, strings.TrimSpace(s[start:]))
}

// answersDir is where Trino's answers are recorded.
func answersDir() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "answers")
}

// key names a query in everything that is recorded.
func (q Query) key() string { return path.Join(q.Theme, q.Name) }

// recorded returns Trino's answers, by key, as [Answer.String] writes them.
func recorded() (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(answersDir(), "*.txt"))
	if err != nil {
		return nil, err
	}
	all := make(map[string]string)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		theme := strings.TrimSuffix(filepath.Base(f), ".txt")
		for _, s := range sections(string(text)) {
			all[path.Join(theme, s.name)] = s.body
		}
	}
	return all, nil
}

// record writes answers down, by theme, in the order of the queries.
func record(queries []Query, answers map[string]string) error {
	texts := make(map[string]*strings.Builder)
	for _, q := range queries {
		b := texts[q.Theme]
		if b == nil {
			b = new(strings.Builder)
			texts[q.Theme] = b
		}
		fmt.Fprintf(b, "--- %s\n%s", q.Name, answers[q.key()])
	}
	if err := os.RemoveAll(answersDir()); err != nil {
		return err
	}
	if err := os.MkdirAll(answersDir(), 0o755); err != nil {
		return err
	}
	for theme, b := range texts {
		if err := os.WriteFile(filepath.Join(answersDir(), theme+".txt"), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
