package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/testenv/openapi"
)

// exitNotThere is the exit code of a look-up that found neither an event nor its loss.
const exitNotThere = 4

// askReceipts posts events and wants receipts; it returns the whole answer.
func (d *dev) askReceipts(t *testing.T, contentType string, body []byte) (raw []byte, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+"/v1/events", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Prefer", "receipt")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %v: %.300s", resp.StatusCode, err, raw)
	}
	return raw, resp.Header
}

// proof asks the server for a proof.
func (d *dev) proof(t *testing.T, status int, id, query string) []byte {
	t.Helper()
	raw, got, _ := d.do(t, http.MethodGet, "/v1/events/"+id+"/proof"+query, "", "")
	if got != status {
		t.Fatalf("proof of %s%s: status %d, want %d: %.500s", id, query, got, status, raw)
	}
	return raw
}

type receiptsAnswer struct {
	answer
	Receipts []json.RawMessage `json:"receipts"`
	Missing  string            `json:"receipts_missing"`
}

// TestReceiptsAndProofs goes with 2,900 real events from their receipt to the proof
// of each.
func TestReceiptsAndProofs(t *testing.T) {
	_, plain, events := readEvents(t)
	dir, keep := t.TempDir(), t.TempDir()
	d := startDev(t, dir, "--seal-age", "1h")
	served, _, _ := d.do(t, http.MethodGet, "/openapi.json", "", "")
	described, err := openapi.Read(served)
	if err != nil {
		t.Fatal(err)
	}
	raw, header := d.askReceipts(t, "application/x-ndjson", plain)
	if err := described.Describes(http.MethodPost, "/v1/events", 200, header, raw); err != nil {
		t.Error(err)
	}
	var got receiptsAnswer
	if err := json.Unmarshal(raw, &got); err != nil || len(got.Receipts) != 1 || got.Missing != "" || header.Get("Preference-Applied") != "receipt" {
		t.Fatalf("%d receipts, %q, %v: %v", len(got.Receipts), got.Missing, header, err)
	}
	file := filepath.Join(keep, "answer.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	checkRetry(t, d, plain, got)

	// Acknowledged, and not committed.
	run(t, exitOK, "check-receipt", "--root", d.RootVKey, file)
	run(t, exitNotThere, "check-receipt", "--config", d.Config, file).wants(t, "not committed yet")
	body := d.proof(t, http.StatusConflict, events[0].ID, "")
	if !strings.Contains(string(body), "not-archived-yet") || !strings.Contains(string(body), "complete through") {
		t.Errorf("%s", body)
	}
	run(t, exitNotThere, "prove", "--config", d.Config, "--id", events[0].ID)
	d.stop(t) // seals and archives

	d = startDev(t, dir, "--seal-age", "1h")
	var checked struct {
		Receipts []struct {
			Events []struct {
				Seq   int64
				State string
			}
		}
	}
	run(t, exitOK, "check-receipt", "--config", d.Config, "--json", file).decode(t, &checked)
	if len(checked.Receipts) != 1 || len(checked.Receipts[0].Events) != len(events) {
		t.Fatalf("%+v", checked)
	}
	checkEveryProof(t, d, got, events)
	checkProofCommands(t, d, keep, events[17].ID)
	checkProofOfLoss(t, d, dir, keep, got)
	d.stop(t)
}

// checkRetry: the same events again have the same receipt.
func checkRetry(t *testing.T, d *dev, plain []byte, first receiptsAnswer) {
	t.Helper()
	raw, _ := d.askReceipts(t, "application/x-ndjson", plain)
	var again receiptsAnswer
	if err := json.Unmarshal(raw, &again); err != nil || len(again.Receipts) != 1 || !bytes.Equal(again.Receipts[0], first.Receipts[0]) {
		t.Errorf("the retry has %d receipts, %q, %v", len(again.Receipts), again.Missing, err)
	}
}

// checkEveryProof asks for the proof of each event and checks it with the root key
// alone.
func checkEveryProof(t *testing.T, d *dev, got receiptsAnswer, events []sent) {
	t.Helper()
	sizes := make([]int, 0, len(events))
	for i := range events {
		query := fmt.Sprintf("?stream=%s&seq=%d", got.Stream, i)
		if i%100 == 0 {
			query = "" // by id alone
		}
		proof := d.proof(t, 200, events[i].ID, query)
		p, err := ledger.CheckProof(proof, d.RootVKey)
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		want := wantRow(t, i, &events[i], got.Stream)
		if p.Row.ID != events[i].ID || p.Row.Seq != int64(i) || p.Row.Action != want[2] || p.Row.ActorID != want[3] || p.Row.Details.Valid && p.Row.Details.S != want[10] ||
			fmt.Sprint(p.Row.TimestampNS) != fmt.Sprint(want[16]) || p.Row.Day() != want[20] {
			t.Fatalf("event %d: the proof is of %+v", i, p.Row)
		}
		sizes = append(sizes, len(proof))
	}
	slices.Sort(sizes)
	t.Logf("%d proofs: %d bytes at the least, %d in the middle, %d at the most", len(sizes), sizes[0], sizes[len(sizes)/2], sizes[len(sizes)-1])
}

func checkProofCommands(t *testing.T, d *dev, keep, id string) {
	t.Helper()
	fromServer := d.proof(t, 200, id, "")
	file := filepath.Join(keep, "event.tlog-proof")
	run(t, exitOK, "prove", "--config", d.Config, "--id", id, "--out", file)
	fromBucket, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(fromBucket, fromServer) {
		t.Errorf("the proof from the bucket (%v) is another one than the server's:\n%s\n%s", err, fromBucket, fromServer)
	}
	var p struct {
		Event map[string]any
	}
	run(t, exitOK, "check-proof", "--root", d.RootVKey, "--json", file).decode(t, &p)
	if p.Event["id"] != id {
		t.Errorf("%v", p.Event)
	}
	if o := run(t, exitOK, "check-proof", "--root", d.RootVKey, file); !strings.Contains(o.out, id) {
		t.Errorf("%s", o.out)
	}
	fromBucket[len(fromBucket)/2] ^= 1
	if err := os.WriteFile(file, fromBucket, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, exitViolation, "check-proof", "--root", d.RootVKey, file)
	run(t, exitUsage, "check-proof", "--root", "nobody", file)
	run(t, exitUsage, "prove", "--config", d.Config)
	run(t, exitNotThere, "prove", "--config", d.Config, "--id", uuid.NewString())
	d.proof(t, http.StatusNotFound, uuid.NewString(), "")
	d.proof(t, http.StatusBadRequest, "nobody", "")
}

// checkProofOfLoss: a receipt for an event that the archive has not, or has
// otherwise, which only a server that lies or loses makes.
func checkProofOfLoss(t *testing.T, d *dev, dir, keep string, got receiptsAnswer) {
	t.Helper()
	true1, err := ledger.CheckReceipt(got.Receipts[0], d.RootVKey)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Glob(filepath.Join(dir, "*", "*.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range keys {
		key, err := ledger.LoadKey(file)
		if err != nil || key.Name() != true1.Certificate.VKey[:len(key.Name())] || !strings.Contains(key.Name(), got.Stream) {
			continue
		}
		lie := ledger.Taken{First: 3, ReceivedAtMS: true1.ReceivedAt.UnixMilli(), Leaves: []ledger.Hash{true1.Leaves[3], {1, 2, 3}}}
		receipts, err := ledger.SignReceipts([]byte(true1.Open), &true1.Certificate, []ledger.Taken{lie}, time.Now(), key)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(keep, "loss.json")
		if err := os.WriteFile(name, receipts[0].Append(nil), 0o600); err != nil {
			t.Fatal(err)
		}
		o := run(t, exitViolation, "check-receipt", "--config", d.Config, name)
		if !strings.Contains(o.out, "seq 3: in the archive") || !strings.Contains(o.out, "seq 4: altered") {
			t.Errorf("%s", o.out)
		}
		out := filepath.Join(keep, "proofs")
		run(t, exitViolation, "prove", "--config", d.Config, "--receipt", name, "--out", out)
		if names, err := os.ReadDir(out); err != nil || len(names) != 1 {
			t.Errorf("%v, %v", names, err)
		}
		return
	}
	t.Fatalf("the stream's key is none of %v", keys)
}
