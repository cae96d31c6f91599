package s3store_test

import (
	"testing"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

func TestMain(m *testing.M) { s3test.Main(m) }

func TestContractEmbedded(t *testing.T) { contract(t, s3test.Embedded(t)) }

func TestContractMinIO(t *testing.T) { contract(t, s3test.MinIO(t)) }

// contract runs the suite with a bucket for each test, and pages so small that
// listings have several.
func contract(t *testing.T, server s3test.Server) {
	objecttest.Run(t, func(t *testing.T) (object.Store, objecttest.Attack) {
		_, cfg := server.Bucket(t)
		cfg.PageSize = objecttest.PageSize
		store, err := s3store.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return store, server.Attack(t, cfg.Bucket)
	})
}
