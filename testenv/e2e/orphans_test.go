package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/chaos"
)

// between is a server behind a proxy that keeps something from the bucket, and is
// killed when the rest of a batch is there.
type between struct {
	*site
	heal func()
}

// onSixDays makes an event on each of six days, the first of which had events before:
// six partitions, in five of which nothing is committed.
func onSixDays() (events []map[string]any) {
	for _, day := range []string{"2026-01-31", "2026-02-01", "2026-02-02", "2026-02-03", "2026-02-04", "2026-02-05"} {
		events = append(events, event(day+"T10:11:12Z", "some.action", "someone", "thing", "1", "success"))
	}
	return events
}

// dieBetween runs a server until all files of a batch are in the bucket but those that
// contain missing in their key, and takes more events before it kills it.
func dieBetween(t *testing.T, bucket, missing string, files int) *between {
	t.Helper()
	s3 := startDev(t, t.TempDir())
	b := &between{site: newSite(t, s3, bucket, "127.0.0.1:0", "")}
	b.init(t)
	proxy := chaos.Start(t, strings.TrimPrefix(s3.S3, "http://"))
	b.edit(t, s3.S3, "http://"+proxy.Addr)
	d := startServe(t, b.config)
	d.stored(t, some(3)...)
	d.waitArchived(t)
	b.heal = proxy.Until(chaos.Puts(missing), chaos.Lose)
	d.stored(t, onSixDays()...)
	client := s3.server(t).Client(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		there := len(objects(t, client, bucket, "team/audit/events/")) - 1 // that of the first batch
		if there == files {
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d of %d files are there:\n%s", there, files, d.log)
		}
	}
	d.stored(t, some(2)...)
	d.kill(t)
	return b
}

// isHonest demands that an auditor finds nothing but files that do not count.
func (b *between) isHonest(t *testing.T, orphans int) {
	t.Helper()
	v := verifyArchive(t, exitOK, b.config, "none")
	for _, f := range v.Findings {
		if f.Kind != "orphan" {
			t.Errorf("finding %+v", f)
		}
	}
	if v.Result != "OK" || len(v.Findings) != orphans || !v.Complete {
		t.Errorf("%s with %d findings, want OK with %d orphans: %+v", v.Result, len(v.Findings), orphans, v)
	}
}

// TestNodeLossBetweenFilesAndCommit: the server is killed with the files of a batch in
// the bucket and their commit on its disk only, and the disk is lost. Nothing of the
// batch was shipped, so nothing is recovered where the files lie.
func TestNodeLossBetweenFilesAndCommit(t *testing.T) {
	b := dieBetween(t, "between", ".commit", 6)
	b.heal()
	if err := os.RemoveAll(filepath.Join(b.dir, "data")); err != nil {
		t.Fatal(err)
	}
	planned := b.recover(t, exitOK, "--dry-run")
	got := b.recover(t, exitOK)
	if len(got.Orphans) != 6 || got.Rows != 0 || !got.Closed || !slices.Equal(planned.Orphans, got.Orphans) {
		t.Errorf("recovered %+v, planned %+v", got, planned)
	}
	b.isHonest(t, 6)
}

// TestSalvageBetweenFilesAndCommit: the server is killed with all but one file of a
// batch in the bucket, and the seal of that batch is damaged. What salvage makes of the
// log are other batches, under other names.
func TestSalvageBetweenFilesAndCommit(t *testing.T) {
	b := dieBetween(t, "salvaged", "dt=2026-02-05", 5)
	b.heal()
	segment := filepath.Join(b.dir, "data", "wal", "00000000000000000000.wal")
	var inside struct {
		Content struct {
			Frames []struct {
				Offset int64
				Seal   *struct{ First, Last int64 }
			}
		}
	}
	run(t, exitOK, "inspect", segment).decode(t, &inside)
	raw, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	damaged := false
	for _, f := range inside.Content.Frames {
		if f.Seal != nil && f.Seal.First == 3 {
			raw[f.Offset+16] ^= 1
			damaged = true
		}
	}
	if !damaged {
		t.Fatalf("no seal of seq 3: %+v", inside)
	}
	if err := os.WriteFile(segment, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, exitFailure, "serve", "--config", b.config).wants(t, "archiver stream salvage")
	run(t, exitOK, "stream", "next", "--config", b.config)
	var planned, got recovered
	run(t, exitOK, "stream", "salvage", "--config", b.config, "--json", "--dry-run").decode(t, &planned)
	run(t, exitOK, "stream", "salvage", "--config", b.config, "--json").decode(t, &got)
	if len(got.Orphans) != 5 || got.Rows != 8 || !got.Closed || !slices.Equal(planned.Orphans, got.Orphans) {
		t.Errorf("salvaged %+v, planned %+v", got, planned)
	}
	d := startServe(t, b.config)
	d.stored(t, some(1)...)
	d.waitArchived(t)
	d.stop(t)
	b.isHonest(t, 5)
}
