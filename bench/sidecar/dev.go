// Package sidecar runs the program that is measured: `archiver dev`, which has an S3 endpoint in it, and beside it
// `archiver serve` on the same bucket. It is the real binary, built from the work tree.
package sidecar

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/proc"
	"github.com/audit-archiver/archiver/internal/event"
)

// Seal is the part of the configuration that decides how much is archived while events arrive.
type Seal struct {
	Rows, Bytes, Age string
	archives         bool
}

// Never leaves everything in the log: the path up to the answer, alone. The bounds of the configuration make it seal
// after 10 M rows or 4 GiB all the same.
func Never() Seal { return Seal{Rows: "10000000", Bytes: "4GiB", Age: "24h0m0s"} }

// Every seals after a time, and at the default number of rows and bytes.
func Every(age time.Duration) Seal {
	return Seal{Rows: "1000000", Bytes: "256MiB", Age: age.String(), archives: true}
}

// Build builds the program from the work tree above the module of the benchmarks.
func Build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "archiver")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/archiver")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build archiver: %w: %s", err, out)
	}
	return binary, nil
}

// Sidecar is one running process of the program.
type Sidecar struct {
	*proc.Process
	Ready  Ready
	bucket string // folder of the objects; empty: another process has it
	seal   Seal
	next   int64 // seq that the log must be at
}

// Ready is what the program prints when it serves.
type Ready struct {
	URL         string
	Listen      string // serve says this instead of URL
	S3          string `json:"s3_endpoint"`
	Bucket      string
	Config      string
	Credentials string
	RootVKey    string `json:"root_vkey"`
}

// Dev starts `archiver dev` on a folder that is empty or its own.
func Dev(binary, dir string, s Seal) (*Sidecar, error) {
	file := filepath.Join(dir, "archiver.yaml")
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		first, err := dev(binary, dir) // writes the configuration
		if err != nil {
			return nil, err
		}
		if err := first.End(); err != nil {
			return nil, err
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	edited := regexp.MustCompile(`(?m)^seal:\n(  .*\n)+`).ReplaceAll(raw, []byte(s.yaml()))
	// What is never archived must have room in the log.
	edited = regexp.MustCompile(`high_water_bytes: .*`).ReplaceAll(edited, []byte("high_water_bytes: 16GiB"))
	if err := os.WriteFile(file, edited, 0o600); err != nil {
		return nil, err
	}
	sc, err := dev(binary, dir)
	if err != nil {
		return nil, err
	}
	sc.seal, sc.bucket = s, filepath.Join(dir, "s3", "data", sc.Ready.Bucket)
	return sc, nil
}

func (s Seal) yaml() string {
	return fmt.Sprintf("seal:\n  rows: %s\n  bytes: %s\n  age: %s\n", s.Rows, s.Bytes, s.Age)
}

func dev(binary, dir string) (*Sidecar, error) {
	return start(exec.Command(binary, "dev", "--dir", dir, "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--athena-listen", "", "--json"))
}

func start(cmd *exec.Cmd) (*Sidecar, error) {
	sc := &Sidecar{}
	p, err := proc.Start(cmd, func(r io.Reader) error { return json.NewDecoder(r).Decode(&sc.Ready) })
	if err != nil {
		return nil, err
	}
	if sc.Process = p; sc.Ready.URL == "" {
		sc.Ready.URL = "http://" + sc.Ready.Listen
	}
	m, err := sc.Metrics(context.Background())
	if err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	sc.next = int64(m["archiver_wal_next_seq"])
	return sc, nil
}

// Connect implements load.Server.
func (s *Sidecar) Connect(ctx context.Context, client int, requests [][]event.Event) (load.Sender, error) {
	u, err := url.Parse(s.Ready.URL)
	if err != nil {
		return nil, err
	}
	return load.ConnectHTTP(ctx, u.Host, client, requests)
}

// Settle waits until all that the log took is archived, if it is to be. A batch is released after its commit is
// confirmed in the bucket.
func (s *Sidecar) Settle(ctx context.Context) error {
	for s.seal.archives {
		m, err := s.Metrics(ctx)
		if err != nil {
			return err
		}
		if m["archiver_wal_first_seq"] == m["archiver_wal_next_seq"] {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		load.Pause(ctx, 100*time.Millisecond)
	}
	return nil
}

// Held compares what was acknowledged with what the log took, and, when it is archived, with the rows that the signed
// ledger in the bucket says the stream's files have.
func (s *Sidecar) Held(ctx context.Context, acknowledged int64) (load.Kept, error) {
	s.next += acknowledged
	m, err := s.Metrics(ctx)
	if err != nil {
		return load.Kept{}, err
	}
	if next := int64(m["archiver_wal_next_seq"]); next != s.next {
		return load.Kept{}, fmt.Errorf("%d events were acknowledged, but the log holds %d", s.next, next)
	}
	if !s.seal.archives {
		if int64(m["archiver_wal_open_rows"]) != acknowledged {
			return load.Kept{}, nil // sealed, after so many
		}
		return load.Kept{Log: int64(m["archiver_wal_open_bytes"])}, nil
	}
	a, err := OpenArchive(ctx, s)
	if err != nil {
		return load.Kept{}, err
	}
	rows, err := a.Rows(ctx)
	if err != nil {
		return load.Kept{}, err
	}
	if held := rows[a.Own]; held != s.next {
		return load.Kept{}, fmt.Errorf("%d events were acknowledged, but the ledger holds %d", s.next, held)
	}
	stored, err := proc.Size(s.bucket)
	return load.Kept{Stored: stored}, err
}

// Stop implements load.Server.
func (s *Sidecar) Stop() error { return s.Kill() }

// Metrics are those without labels.
func (s *Sidecar) Metrics(ctx context.Context) (map[string]float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Ready.URL+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	m := make(map[string]float64)
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			m[name] = v
		}
	}
	return m, lines.Err()
}
