package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
)

func newCheckProofCommand(a *app) *cobra.Command {
	var root string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check-proof --root VKEY PROOF",
		Short: "Check a proof offline, and print the event that it proves",
		Long: `Check the proof of one event (see prove) with the archive's root verifier key and
nothing else: no network, no bucket. It prints the event's columns and every step from
the root key to them. "-" reads standard input.

A proof has one spelling. One that was changed anywhere is refused.

Exit codes:
  0  the proof is a true one
  1  the file could not be read
  2  the command line is wrong
  3  it is no true proof`,
		Example: `  archiver check-proof --root archiver/0193a1b2-…+5f0c…+AQ… event.tlog-proof
  curl -s localhost:8420/v1/events/01980c9e-…/proof | archiver check-proof --root "$ROOT" --json -`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if root == "" {
				return usagef("--root is missing")
			}
			if _, err := ledger.ParseRootName(root); err != nil {
				return usagef("--root: %w", err)
			}
			raw, err := readProof(a.in, args[0])
			if err != nil {
				return err
			}
			proved, err := ledger.CheckProof(raw, root)
			if err != nil {
				return fmt.Errorf("%s: %w: %w", args[0], err, errViolation)
			}
			if asJSON {
				return printJSON(a.out, describeProof(proved))
			}
			return printProof(a.out, proved)
		},
	}
	cmd.Flags().StringVar(&root, "root", "", "the archive's root verifier `key`, as init printed it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func readProof(in io.Reader, file string) ([]byte, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("proof: %w", err)
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, ledger.MaxProofBytes+1))
	if err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	if len(raw) == 0 {
		return nil, errors.New("proof: there is nothing in it")
	}
	return raw, nil
}

// proofDescription is the answer in JSON. The event has the columns of the table.
type proofDescription struct {
	Event      map[string]any  `json:"event"`
	LeafHash   ledger.Hash     `json:"leaf_hash"`
	Archive    uuid.UUID       `json:"archive"`
	StreamKey  string          `json:"stream_key"`
	File       describedFile   `json:"file"`
	Commit     describedCommit `json:"commit"`
	Checkpoint describedNote   `json:"checkpoint"`
}

type describedFile struct {
	Number int         `json:"number"` // from 0, of the commit's files
	Of     int         `json:"of"`
	Row    int64       `json:"row"` // from 0
	Rows   int64       `json:"rows"`
	Root   ledger.Hash `json:"root"`
}

type describedCommit struct {
	Index    int64       `json:"index"`
	First    int64       `json:"first"`
	Count    int64       `json:"count"`
	Manifest ledger.Hash `json:"manifest_sha256"`
}

type describedNote struct {
	Size   int64       `json:"size"`
	Root   ledger.Hash `json:"root"`
	Signer string      `json:"signer"`
}

func describeProof(p *ledger.Proved) proofDescription {
	d := proofDescription{Event: map[string]any{}, LeafHash: p.LeafHash, Archive: p.Open.Archive, StreamKey: p.Open.VKey,
		File:       describedFile{p.File, p.Files, p.FileRow, p.FileRows, p.FileRoot},
		Commit:     describedCommit{p.Index, p.First, p.Count, p.Manifest},
		Checkpoint: describedNote{p.Size, p.Root, p.Signer}}
	for _, c := range columnsOf(&p.Row) {
		d.Event[c.name] = c.value
	}
	return d
}

type columnValue struct {
	name  string
	value any // nil: NULL
}

// columnsOf lists a row's columns in the order of the table.
func columnsOf(r *event.Row) []columnValue {
	text := func(t event.Text) any {
		if !t.Valid {
			return nil
		}
		return t.S
	}
	return []columnValue{
		{"id", r.ID}, {"timestamp", time.UnixMilli(r.TimestampMS()).UTC().Format("2006-01-02T15:04:05.000Z")}, {"action", r.Action},
		{"actor_id", r.ActorID}, {"actor_type", r.ActorType}, {"actor_email", text(r.ActorEmail)},
		{"resource_type", r.ResourceType}, {"resource_id", text(r.ResourceID)}, {"outcome", r.Outcome}, {"reason", text(r.Reason)},
		{"details", text(r.Details)}, {"request_id", text(r.RequestID)}, {"ip", text(r.IP)}, {"user_agent", text(r.UserAgent)},
		{"organization_id", text(r.OrganizationID)}, {"received_at", time.UnixMilli(r.ReceivedAtMS).UTC().Format("2006-01-02T15:04:05.000Z")},
		{"producer", r.Producer}, {"timestamp_ns", r.TimestampNS}, {"stream", r.Stream}, {"seq", r.Seq},
		{"retention", r.Retention}, {"dt", r.Day()},
	}
}

func printProof(w io.Writer, p *ledger.Proved) error {
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format, args...)
		}
	}
	say("This event is in archive %s:\n\n", p.Open.Archive)
	for _, c := range columnsOf(&p.Row) {
		switch v := c.value.(type) {
		case nil:
		case string:
			say("  %-16s %q\n", c.name, v)
		default:
			say("  %-16s %v\n", c.name, v)
		}
	}
	say(`
Step by step, from the root key down and from the event up:

  root key certified the key of stream %s on %s
  %s signed a checkpoint of %d commits, root %s
  event's leaf hash is %s
  it is row %d of the %d rows of file %d of %d of its commit, root %s
  that is commit %d, which begins at seq %d and has %d rows; SHA-256 of its manifest is %s
  it is among the commits of the checkpoint
`, p.Open.Stream, p.Open.OpenedAt.Format(time.DateOnly), p.Signer, p.Size, p.Root, p.LeafHash, p.FileRow+1, p.FileRows, p.File+1, p.Files, p.FileRoot,
		p.Index, p.First, p.Count, p.Manifest)
	return err
}
