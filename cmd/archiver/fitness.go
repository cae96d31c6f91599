package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/doctor"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/ledger"
)

const (
	// fitFor is how long a proof counts: stores are upgraded and reconfigured, and a
	// proof is four small objects.
	fitFor = 7 * 24 * time.Hour
	// fitTimeout bounds one proof: some thirty requests to a store that answers.
	fitTimeout = 5 * time.Minute
	// remarkBytes is how much of what was seen goes into the ledger.
	remarkBytes = 1000
)

// fitness keeps serve from a bucket that does not hold what it is given. The proof
// comes before the first upload of a start, and is remembered in the data folder, so
// that a restart costs nothing and works while the bucket is away.
type fitness struct {
	options  doctor.Options
	program  string
	override []string
	file     string
	fs       durable.FS
	log      *slog.Logger

	mu     sync.Mutex
	proven *fitnessProof
}

// fitnessProof is what the file holds. It speaks of one store and one program only.
type fitnessProof struct {
	Version int            `json:"version"`
	Store   string         `json:"store"`
	Program string         `json:"program"`
	At      time.Time      `json:"at"`
	Let     []doctor.Check `json:"let"` // musts that did not pass and that the configuration let go
}

func newFitness(c config.Config, o doctor.Options, log *slog.Logger) (*fitness, error) {
	if problems := overrideProblems(c); len(problems) > 0 {
		return nil, usagef("%s", problems[0])
	}
	return &fitness{options: o, program: writer(), override: c.Doctor.Override,
		file: filepath.Join(c.DataDir, "doctor.json"), fs: durable.OS(), log: log}, nil
}

// overrideProblems are the names in doctor.override that let nothing go.
func overrideProblems(c config.Config) (problems []config.Problem) {
	musts := doctor.Musts()
	for i, name := range c.Doctor.Override {
		if !slices.Contains(musts, name) {
			problems = append(problems, config.Problem{Field: fmt.Sprintf("doctor.override[%d]", i),
				Text: fmt.Sprintf("%s is not a must; they are %s", name, strings.Join(musts, ", "))})
		}
	}
	return problems
}

// prove returns nil once the bucket was shown to be fit, with a note for every must
// that was let go. It is archive.Options.Prove.
func (f *fitness) prove(ctx context.Context) ([]ledger.Note, error) {
	if p := f.remembered(); p != nil {
		f.set(p)
		return p.notes(), nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, fitTimeout, errors.New("the probe of the bucket took too long"))
	defer cancel()
	report, err := doctor.Run(ctx, f.options)
	if err != nil {
		return nil, err
	}
	if err := report.Err(f.override...); errors.Is(err, doctor.ErrUnfit) {
		return nil, fmt.Errorf("%w: %w (archiver doctor says more; doctor.override lets a check go)", archive.ErrUnfit, err)
	} else if err != nil {
		return nil, err
	}
	p := &fitnessProof{Store: f.options.Name, Program: f.program, At: report.At, Let: report.Overridden(f.override)}
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", f.file, err)
	}
	if err := durable.WriteFile(f.fs, f.file, raw, 0o600); err != nil {
		return nil, fmt.Errorf("remember that the bucket is fit: %w", err)
	}
	for _, c := range p.Let {
		f.log.Warn("the bucket fails a must, and doctor.override lets it go", "check", c.Name, "result", c.Result, "seen", c.Seen)
	}
	f.log.Info("the bucket was shown to be fit", "store", p.Store, "checks", len(report.Checks))
	f.set(p)
	return p.notes(), nil
}

// remembered is a proof of this store by this program that still counts; nil when
// there is none. A file that cannot be read is none: proving again is cheap.
func (f *fitness) remembered() *fitnessProof {
	raw, err := durable.ReadFile(f.fs, f.file)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.log.Warn("the proof of the bucket cannot be read: it is made again", "error", err)
		}
		return nil
	}
	var p fitnessProof
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil || p.Version != 0 {
		return nil
	}
	age := f.options.Now().Sub(p.At)
	if p.Store != f.options.Name || p.Program != f.program || age < 0 || age > fitFor {
		return nil
	}
	for _, c := range p.Let {
		if !slices.Contains(f.override, c.Name) {
			return nil // it is not let go any more
		}
	}
	return &p
}

func (f *fitness) set(p *fitnessProof) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.proven = p
}

// check tells in /readyz what was let go. That the bucket is not proven yet is told
// by the archive check: nothing is archived before.
func (f *fitness) check() ingest.Check {
	return ingest.Check{Name: "store", Ready: func(context.Context) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.proven == nil || len(f.proven.Let) == 0 {
			return nil
		}
		var names []string
		for _, c := range f.proven.Let {
			names = append(names, c.Name+": "+c.Seen)
		}
		return ingest.Degraded{Reason: "doctor.override: " + strings.Join(names, "; ")}
	}}
}

func (p *fitnessProof) notes() []ledger.Note {
	var notes []ledger.Note
	for _, c := range p.Let {
		text := fmt.Sprintf("%s %s: %s", c.Name, c.Result, c.Seen)
		if len(text) > remarkBytes {
			text = strings.ToValidUTF8(text[:remarkBytes], "") + "…"
		}
		notes = append(notes, ledger.Note{Kind: ledger.NoteOverride, Text: text})
	}
	return notes
}
