package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// Attested is the body of an attestation of kind verify: what a report says, for
// those who do not have it, and the hash that binds it.
type Attested struct {
	Result    Result         `json:"result"`
	Complete  bool           `json:"complete"`
	Range     Range          `json:"range"`
	From      time.Time      `json:"from"`
	To        time.Time      `json:"to"`
	Streams   []StreamReport `json:"streams"` // none when there are too many for an attestation
	Levels    []LevelReport  `json:"levels"`
	Findings  map[Kind]int64 `json:"findings"` // how many of each kind
	Unchecked int64          `json:"unchecked"`
	Report    ledger.Hash    `json:"report"` // SHA-256 of the report as JSON, as it was printed
}

// maxAttested bounds the streams in an attestation.
const maxAttested = 150

// Attest signs a report and puts it into the bucket, locked for as long as an object
// of the longest class would be. printed is the report as JSON. It returns the key.
func Attest(ctx context.Context, store object.Store, prefix string, report *Report, printed []byte, signer ledger.Signer, now time.Time) (key string, _ error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("attest: %w", err) }
	longest := int64(0)
	for _, c := range report.about.Classes {
		longest = max(longest, c.Days)
	}
	if longest == 0 {
		return fail(errors.New("the archive object could not be read, so nobody knows how long to lock it"))
	}
	body := Attested{Result: report.Result, Complete: report.Complete, Range: report.Range, From: report.From, To: report.To,
		Streams: report.Streams, Levels: report.Levels, Findings: report.counts, Unchecked: report.missed, Report: sha256.Sum256(printed)}
	if len(body.Streams) > maxAttested {
		body.Streams = nil
	}
	signed, err := ledger.SignAttestation(ledger.Attestation{Archive: report.Archive, Kind: ledger.AttestVerify, At: now}, body, signer)
	if err != nil {
		return fail(err)
	}
	key = ledger.AttestKey(prefix, ledger.AttestVerify, signed)
	id, err := store.Put(ctx, object.Put{Key: key, Body: bytes.NewReader(signed), Size: int64(len(signed)), SHA256: sha256.Sum256(signed),
		ContentType: "text/plain; charset=utf-8", RetainUntil: now.UTC().Truncate(time.Second).AddDate(0, 0, int(longest)+1)})
	if errors.Is(err, object.ErrExists) { // a repetition of our own Put, whose first answer was lost
		id, err = "", nil
	}
	if err != nil {
		return fail(err)
	}
	info, err := store.Head(ctx, key, id)
	switch {
	case err != nil:
		return fail(err)
	case info.SHA256 != [sha256.Size]byte{} && info.SHA256 != sha256.Sum256(signed):
		return fail(fmt.Errorf("%s holds something else: %w", key, object.ErrExists))
	case info.Mode != object.Compliance:
		return fail(fmt.Errorf("%s: %w", key, object.ErrUnlocked))
	}
	return key, nil
}
