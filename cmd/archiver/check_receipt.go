package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/prove"
)

type checkReceiptFlags struct {
	config, root string
	asJSON       bool
}

func newCheckReceiptCommand(a *app) *cobra.Command {
	var f checkReceiptFlags
	cmd := &cobra.Command{
		Use:   "check-receipt (--root VKEY | --config FILE) RECEIPT",
		Short: "Check a receipt, and whether its events are in the archive",
		Long: `Check the receipt that a server gave for events (Prefer: receipt). The file has a
receipt, a list of receipts, or the whole answer of POST /v1/events.

With --root nothing else is needed: no network, no bucket. It then says that the
stream took these events, when, and under which seqs.

With --config the events are also looked up in the bucket. A receipt whose event is
missing there is proof of loss: the archive's own key said that it had it.

Exit codes:
  0  the receipt is true; with --config: and all of its events are in the archive
  1  it did not work, or there is no receipt in the file
  2  the command line or the configuration is wrong
  3  it is no true receipt; or one of its events is missing from the archive, or has
     other content there
  4  an event is not committed yet, or could not be looked at`,
		Example: `  archiver check-receipt --root archiver/0193a1b2-…+5f0c…+AQ… receipt.json
  archiver check-receipt --config archiver.yaml answer.json --json`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCheckReceipt(cmd.Context(), a, f, args[0])
		},
	}
	addConfigFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.root, "root", "", "the archive's root verifier `key`, as init printed it")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

// checkedReceipt is the answer about one receipt.
type checkedReceipt struct {
	Stream     uuid.UUID        `json:"stream"`
	First      int64            `json:"first"`
	Last       int64            `json:"last"`
	ReceivedAt string           `json:"received_at"`
	IssuedAt   string           `json:"issued_at"`
	Events     []receiptOutcome `json:"events,omitempty"` // with --config
}

type receiptOutcome struct {
	Seq    int64       `json:"seq"`
	State  prove.State `json:"state"`
	Commit *int64      `json:"commit,omitempty"`
	Moved  *movedTo    `json:"moved,omitempty"`
	Detail string      `json:"detail,omitempty"`
}

type movedTo struct {
	Stream uuid.UUID `json:"stream"`
	Seq    int64     `json:"seq"`
}

func runCheckReceipt(ctx context.Context, a *app, f checkReceiptFlags, file string) error {
	if (f.root == "") == (f.config == "") {
		return usagef("name either --root or --config")
	}
	root := f.root
	if f.config != "" {
		c, err := loadConfig(f.config)
		if err != nil {
			return err
		}
		root = c.Archive.RootVKey
	}
	if _, err := ledger.ParseRootName(root); err != nil {
		return usagef("--root, or archive.root_vkey: %w", err)
	}
	receipts, err := readReceipts(file, root)
	if err != nil {
		return fmt.Errorf("check-receipt: %w", err)
	}
	var finder *prove.Finder
	if f.config != "" {
		q, _, err := openAudit(ctx, a, f.config)
		if err != nil {
			return err
		}
		defer closeAudit(a, q)
		if finder, err = q.finder(ctx); err != nil {
			return fmt.Errorf("check-receipt: %w", err)
		}
	}
	var answers []checkedReceipt
	var all []prove.Outcome
	for _, r := range receipts {
		answer := checkedReceipt{Stream: r.Certificate.Stream, First: r.First, Last: r.Last(), ReceivedAt: millis(r.ReceivedAt), IssuedAt: millis(r.IssuedAt)}
		if finder != nil {
			outcomes, err := finder.Receipt(ctx, r)
			if err != nil {
				return fmt.Errorf("check-receipt: %w", err)
			}
			for i := range outcomes {
				answer.Events = append(answer.Events, outcomeOf(&outcomes[i]))
			}
			all = append(all, outcomes...)
		}
		answers = append(answers, answer)
	}
	if err := printReceipts(a.out, answers, all, f.asJSON); err != nil {
		return err
	}
	return judge(all)
}

func outcomeOf(o *prove.Outcome) receiptOutcome {
	r := receiptOutcome{Seq: o.Event.Seq, State: o.State, Detail: o.Detail}
	if o.Commit >= 0 {
		r.Commit = &o.Commit
	}
	if o.Moved != nil {
		r.Moved = &movedTo{o.Moved.Stream, o.Moved.Seq}
	}
	return r
}

func printReceipts(w io.Writer, answers []checkedReceipt, all []prove.Outcome, asJSON bool) error {
	if asJSON {
		return printJSON(w, struct {
			Receipts []checkedReceipt `json:"receipts"`
		}{answers})
	}
	for _, r := range answers {
		if _, err := fmt.Fprintf(w, "The receipt is true: stream %s took seq %d to %d at %s.\n", r.Stream, r.First, r.Last, r.ReceivedAt); err != nil {
			return err
		}
	}
	for i := range all {
		if _, err := fmt.Fprintln(w, sentence(&all[i])); err != nil {
			return err
		}
	}
	return nil
}

// sentence says what became of an event.
func sentence(o *prove.Outcome) string {
	s := fmt.Sprintf("seq %d: ", o.Event.Seq)
	if o.Moved != nil {
		s = fmt.Sprintf("seq %d, now %s: ", o.Event.Seq, o.Moved)
	}
	switch o.State {
	case prove.Archived:
		return s + fmt.Sprintf("in the archive, commit %d", o.Commit)
	case prove.NotCommitted:
		return s + "not committed yet: " + o.Detail
	case prove.Unknown:
		return s + "could not be looked at: " + o.Detail
	}
	return s + string(o.State) + ": " + o.Detail
}

// judge is the error of a look-up: what is missing counts more than what is not known.
func judge(all []prove.Outcome) error {
	bad, open := 0, 0
	for i := range all {
		switch all[i].State {
		case prove.Archived:
		case prove.Missing, prove.Altered:
			bad++
		default:
			open++
		}
	}
	switch {
	case bad > 0:
		return fmt.Errorf("%d of %d acknowledged events are not in the archive as they were taken: %w", bad, len(all), errViolation)
	case open > 0:
		return fmt.Errorf("%d of %d events: %w", open, len(all), errNotThere)
	}
	return nil
}

func millis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// readReceipts reads a file with a receipt, a list of them, or an answer that has
// some, and checks each.
func readReceipts(file, root string) ([]*ledger.Received, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	texts, err := splitReceipts(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var all []*ledger.Received
	for i, text := range texts {
		r, err := ledger.CheckReceipt(text, root)
		if err != nil {
			return nil, fmt.Errorf("%s: receipt %d of %d is no true one: %w: %w", file, i+1, len(texts), err, errViolation)
		}
		all = append(all, r)
	}
	return all, nil
}

func splitReceipts(raw []byte) ([]json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, errors.New("there is nothing in it")
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		var answer struct {
			Receipts *[]json.RawMessage `json:"receipts"`
			Missing  string             `json:"receipts_missing"`
			Open     *string            `json:"open"`
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return nil, fmt.Errorf("neither a receipt nor an answer with receipts: %w: %w", err, errViolation)
		}
		switch {
		case answer.Open != nil:
			return []json.RawMessage{raw}, nil
		case answer.Receipts == nil:
			return nil, fmt.Errorf("neither a receipt nor an answer with receipts (ask for one with Prefer: receipt): %w", errViolation)
		case len(*answer.Receipts) == 0 && answer.Missing != "":
			return nil, fmt.Errorf("the answer has no receipt: %s", answer.Missing)
		}
		list = *answer.Receipts
	}
	if len(list) == 0 {
		return nil, errors.New("there is no receipt in it")
	}
	return list, nil
}
