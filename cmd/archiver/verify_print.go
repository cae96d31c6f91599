package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/verify"
)

// printReport writes a report for people.
func printReport(w io.Writer, r *verify.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  archive %s\n", r.Result, r.Archive)
	for _, s := range r.Streams {
		fmt.Fprintf(&b, "stream %s: %d commits, seqs below %d, through %s", s.Stream, s.Size, s.NextSeq, s.Through.UTC().Format(time.RFC3339))
		if s.Closed {
			b.WriteString(", closed")
		}
		fmt.Fprintf(&b, "\n  checkpoint %d %s\n", s.Size, s.Root)
	}
	for _, l := range r.Levels {
		fmt.Fprintf(&b, "level %d: %s", l.Level, l.State)
		if l.State == verify.Checked || l.State == verify.LevelIndeterminate {
			b.WriteString(levelCounts(l))
		}
		b.WriteByte('\n')
	}
	if scope := rangeOf(r); scope != "" {
		fmt.Fprintf(&b, "this is about %s only\n", scope)
	}
	for _, f := range r.Findings {
		printFinding(&b, &f)
	}
	if r.MoreFindings > 0 {
		fmt.Fprintf(&b, "and %d more findings of the same kinds\n", r.MoreFindings)
	}
	for _, u := range r.Unchecked {
		fmt.Fprintf(&b, "\nnot looked at: level %d  %s%s\n  %s\n", u.Level, visible(u.Key), versionOf(u.Version), visible(u.Why))
	}
	_, err := io.WriteString(w, b.String())
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func levelCounts(l verify.LevelReport) string {
	what := [...]string{"settings", "objects of the ledger", "versions", "files", "files"}[l.Level]
	s := fmt.Sprintf(", %d %s", l.Objects, what)
	if l.Rows > 0 {
		s += fmt.Sprintf(", %d rows", l.Rows)
	}
	if l.Bytes > 0 {
		s += fmt.Sprintf(", %d bytes", l.Bytes)
	}
	if l.Reused > 0 {
		s += fmt.Sprintf("; %d commits were looked at by earlier runs", l.Reused)
	}
	return s
}

// rangeOf says what a result speaks about, when that is not everything.
func rangeOf(r *verify.Report) string {
	var parts []string
	if !r.Range.Since.IsZero() {
		parts = append(parts, "the objects and the content of what was sealed since "+r.Range.Since.UTC().Format(time.RFC3339))
	}
	if r.Range.Sample < 1 {
		parts = append(parts, fmt.Sprintf("the content of a sample of %g %% of the batches", 100*r.Range.Sample))
	}
	return strings.Join(parts, ", and ")
}

func printFinding(b *strings.Builder, f *verify.Finding) {
	fmt.Fprintf(b, "\n%s  level %d  %s%s\n", f.Kind, f.Level, visible(f.Key), versionOf(f.Version))
	if f.Stream != uuid.Nil {
		fmt.Fprintf(b, "  stream %s%s\n", f.Stream, seqsOf(f))
	}
	fmt.Fprintf(b, "  %s\n  what to do: %s\n", visible(f.Detail), f.Action)
}

func seqsOf(f *verify.Finding) string {
	switch {
	case f.First < 0:
		return ""
	case f.Last < 0:
		return fmt.Sprintf(", seqs from %d on", f.First)
	default:
		return fmt.Sprintf(", seqs %d to %d", f.First, f.Last)
	}
}

func versionOf(id string) string {
	if id == "" {
		return ""
	}
	return "  version " + visible(id)
}

// visible keeps a name that an attacker chose from steering a terminal.
func visible(s string) string {
	quoted := fmt.Sprintf("%+q", s)
	if inner := quoted[1 : len(quoted)-1]; inner != s {
		return quoted
	}
	return s
}

// progressBar is one line on a terminal that is written again and again.
type progressBar struct {
	w     io.Writer // nil: nobody watches
	mu    sync.Mutex
	last  time.Time
	shown bool
	begun time.Time
}

// barEvery is how often the line changes.
const barEvery = 100 * time.Millisecond

// newProgressBar shows nothing unless w is a terminal.
func newProgressBar(w io.Writer, quiet bool) *progressBar {
	p := &progressBar{begun: time.Now()}
	if f, ok := w.(*os.File); ok && !quiet {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.w = w
		}
	}
	return p
}

func (p *progressBar) show(at verify.Progress) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.last) < barEvery {
		return
	}
	p.last, p.shown = now, true
	line := fmt.Sprintf("level %d  %d", at.Level, at.Objects)
	if at.Total > 0 {
		const width = 30
		full := int(min(at.Objects*width/at.Total, width))
		line = fmt.Sprintf("level %d  [%s%s] %d of %d commits", at.Level, strings.Repeat("=", full), strings.Repeat(" ", width-full), at.Objects, at.Total)
	}
	if at.Rows > 0 {
		line += fmt.Sprintf("  %d rows", at.Rows)
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s  %s", line, now.Sub(p.begun).Round(time.Second))
}

// clear removes the line.
func (p *progressBar) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
