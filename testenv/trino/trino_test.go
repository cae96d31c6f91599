package trino

import (
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

func TestMain(m *testing.M) { s3test.Main(m) }

func TestStart(t *testing.T) {
	if os.Getenv("ORACLE") == "" {
		t.Skip("run by make oracle, which fetches Trino")
	}
	s3 := s3test.Embedded(t)
	var url string
	t.Run("runs", func(t *testing.T) {
		server := Start(t, Storage{s3.Endpoint, s3.Region, s3.AccessKey, s3.SecretKey})
		url = server.URL
		r, err := server.Engine(t, "information_schema").Query(t.Context(), athena.Query{SQL: "SELECT 1"})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if row, err := r.Next(t.Context()); err != nil || row[0] != int64(1) {
			t.Errorf("row %v, %v", row, err)
		}
		if _, err := r.Next(t.Context()); err != io.EOF {
			t.Errorf("after the last row: %v", err)
		}
		select {
		case <-server.Done():
			t.Error("ended")
		default:
		}
	})
	if url == "" {
		t.FailNow()
	}
	if resp, err := http.Get(url + "/v1/info"); err == nil {
		_ = resp.Body.Close()
		t.Error("still runs after its test has ended")
	}
}
