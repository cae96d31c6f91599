package verify

import (
	"bytes"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

func TestMain(m *testing.M) { s3test.Main(m) }

func TestEmbeddedS3(t *testing.T) { onS3(t, s3test.Embedded(t)) }

func TestMinIO(t *testing.T) { onS3(t, s3test.MinIO(t)) }

// onS3 verifies an archive in a real bucket, with listings of several pages, before
// and after what whoever may write there can do.
func onS3(t *testing.T, server s3test.Server) {
	_, cfg := server.Bucket(t)
	cfg.PageSize = objecttest.PageSize
	store, err := s3store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := worldIn(t, store, time.Now().UTC().Truncate(time.Second))
	a, b := w.stream(), w.stream()
	a.add(4, 20)
	b.add(2, 10)
	wants(t, w.verify(), OK)

	attack := server.Attack(t, cfg.Bucket)
	put := func(key string, body []byte) string {
		id, err := attack.PutUnlocked(t.Context(), key, body)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	flipped := bytes.Clone(a.commits[2])
	flipped[99] ^= 1
	want := []string{
		"replaced 2 " + a.path(1) + " " + put(a.path(1), a.bodies[0]),
		"replaced 1 " + a.keys[2] + " " + put(a.keys[2], flipped),
		"injected 2 " + prefix + "/events/retention=standard/dt=2026-01-01/x.parquet " + put(prefix+"/events/retention=standard/dt=2026-01-01/x.parquet", a.bodies[0]),
	}
	if err := attack.Hide(t.Context(), a.path(0)); err != nil {
		t.Fatal(err)
	}
	for info, err := range store.Versions(t.Context(), a.path(0)) {
		if err != nil {
			t.Fatal(err)
		}
		if info.DeleteMarker {
			want = append(want, "hidden 2 "+a.path(0)+" "+info.VersionID)
		}
	}
	wants(t, w.verify(), Violation, want...)
	wants(t, w.verify(stateless), Violation, want...)
}
