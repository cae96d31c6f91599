package main

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
)

// seal is the part of the configuration that decides how much is archived while events arrive.
type seal struct {
	rows, bytes, age string
	archives         bool
}

var (
	// neverSeal leaves everything in the log: the path up to the answer, alone.
	neverSeal = seal{rows: "10000000", bytes: "4GiB", age: "24h0m0s"}
	// sealEachSecond archives as fast as it can.
	sealEachSecond = seal{rows: "1000000", bytes: "256MiB", age: "1s", archives: true}
)

// archiver is `archiver dev`: one process with the S3 endpoint in it.
type archiver struct {
	*process
	address string
	seal    seal
}

func startArchiver(s seal) func(context.Context, options, string) (server, error) {
	return func(_ context.Context, o options, dir string) (server, error) {
		dir = filepath.Join(dir, "archiver")
		first, _, err := runDev(o.binary, dir)
		if err != nil {
			return nil, err
		}
		if err := first.end(); err != nil {
			return nil, err
		}
		// The first start wrote the configuration.
		file := filepath.Join(dir, "archiver.yaml")
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		edited := regexp.MustCompile(`(?m)^seal:\n(  .*\n)+`).ReplaceAll(raw,
			fmt.Appendf(nil, "seal:\n  rows: %s\n  bytes: %s\n  age: %s\n", s.rows, s.bytes, s.age))
		if err := os.WriteFile(file, edited, 0o600); err != nil {
			return nil, err
		}
		p, address, err := runDev(o.binary, dir)
		if err != nil {
			return nil, err
		}
		return &archiver{p, address, s}, nil
	}
}

func runDev(binary, dir string) (*process, string, error) {
	cmd := exec.Command(binary, "dev", "--dir", dir, "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--json")
	var ready struct{ URL string }
	p, err := startProcess(cmd, func(r io.Reader) error { return json.NewDecoder(r).Decode(&ready) })
	if err != nil {
		return nil, "", err
	}
	u, err := url.Parse(ready.URL)
	if err != nil {
		return nil, "", errors.Join(err, p.kill())
	}
	return p, u.Host, nil
}

func (a *archiver) connect(ctx context.Context, _ int, requests [][]record) (sender, error) {
	return connectHTTP(ctx, a.address, requests)
}

// settle compares what was acknowledged with what the log holds, and waits until
// it is archived.
func (a *archiver) settle(ctx context.Context, acknowledged int64) error {
	for {
		m, err := a.metrics(ctx)
		if err != nil {
			return err
		}
		if next := int64(m["archiver_wal_next_seq"]); next != acknowledged {
			return fmt.Errorf("%d events were acknowledged, but the log holds %d", acknowledged, next)
		}
		if !a.seal.archives || int64(m["archiver_archive_rows_total"]) == acknowledged {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause(ctx, 100*time.Millisecond)
	}
}

func (a *archiver) stop() error { return a.kill() }

// metrics are those without labels.
func (a *archiver) metrics(ctx context.Context) (map[string]float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.address+"/metrics", nil)
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
