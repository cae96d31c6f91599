package export

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	htmltemplate "html/template"
	"maps"
	"slices"
	texttemplate "text/template"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/pack"
)

//go:embed summary.html
var summaryHTML string

//go:embed summary.txt
var summaryText string

// maxLines bounds the tables of the pages; the statement has all of it.
const maxLines = 200

// page is what the two summaries show.
type page struct {
	pack.Statement
	From, To string
	Through  string // "" when every stream is closed
	Root     string
	Results  []string
	Complete int
	Open     int
	Gaps     int
	First    []pack.FilePart // at most maxLines
	More     int
}

// pages adds the statement, the results and what people read.
func (e *exporter) pages(context.Context) error {
	line, err := ledger.EncodeDocument(e.statement)
	if err != nil {
		return err
	}
	if len(line) > pack.MaxStatementBytes {
		return fmt.Errorf("the statement has %d bytes, at most %d: narrow the period", len(line), pack.MaxStatementBytes)
	}
	if err := e.add(pack.StatementName, line); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(e.Results))
	for _, name := range names {
		if err := e.add(pack.ResultName(name), e.Results[name]); err != nil {
			return err
		}
	}
	p := page{Statement: e.statement, From: instant(e.From), To: instant(e.To), Root: e.Root, Results: names}
	if !e.statement.Through.IsZero() {
		p.Through = instant(e.statement.Through)
	}
	for _, s := range e.statement.Streams {
		p.Gaps += len(s.Gaps)
	}
	for i := range e.statement.Files {
		if pack.Proved(&e.statement, &e.statement.Files[i], &e.build.Overlapping[i]) {
			p.Complete++
		} else {
			p.Open++
		}
	}
	p.First = e.statement.Files[:min(maxLines, len(e.statement.Files))]
	p.More = len(e.statement.Files) - len(p.First)
	var html, text bytes.Buffer
	if err := htmltemplate.Must(htmltemplate.New("summary").Parse(summaryHTML)).Execute(&html, p); err != nil {
		return err
	}
	if err := texttemplate.Must(texttemplate.New("summary").Funcs(texttemplate.FuncMap{"line": oneLine}).Parse(summaryText)).Execute(&text, p); err != nil {
		return err
	}
	if err := e.add(pack.SummaryHTML, html.Bytes()); err != nil {
		return err
	}
	return e.add(pack.SummaryText, text.Bytes())
}

func instant(t time.Time) string {
	switch {
	case t.Equal(Earliest):
		return "the beginning"
	case t.Equal(Latest):
		return "the end"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// oneLine keeps a condition from looking like another line of the page, or from
// talking to a terminal.
func oneLine(s string) string { return fmt.Sprintf("%q", s) }
