package minio

import (
	"net/http"
	"os/exec"
	"slices"
	"testing"
)

func TestStart(t *testing.T) {
	var endpoint string
	t.Run("runs", func(t *testing.T) {
		srv := Start(t)
		endpoint = srv.Endpoint
		resp, err := http.Get(endpoint + "/minio/health/live")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("status %s", resp.Status)
		}
		select {
		case <-srv.Done():
			t.Error("ended")
		default:
		}
	})
	if endpoint == "" {
		t.Skip("MinIO cannot be built: see above")
	}
	if resp, err := http.Get(endpoint + "/minio/health/live"); err == nil {
		_ = resp.Body.Close()
		t.Error("still runs after its test has ended")
	}
}

func TestRunSaysWhyItFails(t *testing.T) {
	other, err := exec.LookPath("false")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(other, t.TempDir()); err == nil {
		t.Error("a program that is not MinIO was taken for one")
	}
}

func TestCleanEnv(t *testing.T) {
	got := cleanEnv([]string{"PATH=/bin", "GOOS=plan9", "GOFLAGS=-mod=vendor", "GOPROXY=https://proxy.example"})
	if want := []string{"PATH=/bin", "GOPROXY=https://proxy.example"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
