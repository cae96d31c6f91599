package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/proc"
	"github.com/audit-archiver/archiver/bench/sidecar"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// withHistory loads a server whose archive holds events already.
func withHistory(ctx context.Context, o options, events int64) (w written, err error) {
	dir := filepath.Join(o.dir, "history")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	dev, err := sidecar.Dev(o.binary, dir, sidecar.Every(o.age))
	if err != nil {
		return w, err
	}
	if err := fill(ctx, o, dev, events); err != nil {
		return w, errors.Join(err, dev.Kill())
	}
	if err := dev.End(); err != nil {
		return w, err
	}
	begin := time.Now()
	if dev, err = sidecar.Dev(o.binary, dir, sidecar.Every(o.age)); err != nil {
		return w, err
	}
	w.Start = time.Since(begin).Seconds()
	defer func() { err = errors.Join(err, dev.Kill()) }()
	if err := w.readLedger(ctx, dev); err != nil {
		return w, err
	}
	if w.Measurement, err = load.Run(ctx, o.Options, dev, load.Batch()); err != nil {
		return w, err
	}
	w.Events = events
	m, err := dev.Metrics(ctx)
	if err != nil {
		return w, err
	}
	w.ArchiveMean = m["archiver_archive_commit_duration_seconds_sum"] / max(m["archiver_archive_commit_duration_seconds_count"], 1)
	begin = time.Now()
	err = query(ctx, dev, "SELECT count(*) FROM audit_logs WHERE dt >= '"+time.Now().UTC().Format(time.DateOnly)+"'")
	w.QuerySeconds = time.Since(begin).Seconds()
	return w, err
}

// fill puts events into the archive: real ones, or a history of commits.
func fill(ctx context.Context, o options, dev *sidecar.Sidecar, events int64) error {
	if events > o.real {
		a, err := sidecar.OpenArchive(ctx, dev)
		if err != nil {
			return err
		}
		return history(ctx, a, events, o.perCommit)
	}
	for done := int64(0); done < events; {
		m, err := load.Run(ctx, load.Options{Seconds: min(o.Seconds, 10*time.Second)}, dev, load.Batch())
		if err != nil {
			return err
		}
		done += m.Events
	}
	return nil
}

// readLedger reads it as the SQL engine does, in this process.
func (w *written) readLedger(ctx context.Context, dev *sidecar.Sidecar) error {
	a, err := sidecar.OpenArchive(ctx, dev)
	if err != nil {
		return err
	}
	r, err := ledger.NewReader(a.Store, a.Prefix, a.Root.VKey())
	if err != nil {
		return err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin := time.Now()
	view, err := r.Refresh(ctx)
	if err != nil {
		return err
	}
	w.LedgerCold = time.Since(begin).Seconds()
	runtime.GC()
	runtime.ReadMemStats(&after)
	w.LedgerMB = (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / 1e6
	begin = time.Now()
	if _, err := r.Refresh(ctx); err != nil {
		return err
	}
	w.LedgerAgain = time.Since(begin).Seconds()
	for i := range view.Streams {
		w.Commits += int64(len(view.Streams[i].Manifests))
	}
	if len(view.Findings) > 0 {
		return fmt.Errorf("the ledger has findings, such as %v", view.Findings[0])
	}
	return nil
}

func query(ctx context.Context, s *sidecar.Sidecar, sql string) error {
	body, err := json.Marshal(map[string]string{"sql": sql})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Ready.URL+"/v1/query", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("query: %s: %s", answer.Status, text)
	}
	return err
}

// withStreams loads n servers that write into one bucket.
func withStreams(ctx context.Context, o options, n int64) (w written, err error) {
	dir := filepath.Join(o.dir, "streams")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s3, err := sidecar.Dev(o.binary, filepath.Join(dir, "s3"), sidecar.Every(o.age))
	if err != nil {
		return w, err
	}
	f := &fleet{s3: s3}
	defer func() { err = errors.Join(err, f.Stop()) }()
	a, err := sidecar.OpenArchive(ctx, s3)
	if err != nil {
		return w, err
	}
	f.archive = a
	for i := range n {
		s, err := a.Serve(ctx, o.binary, filepath.Join(dir, fmt.Sprint(i)), s3, sidecar.Every(o.age))
		if err != nil {
			return w, err
		}
		f.nodes = append(f.nodes, s)
	}
	sh := load.Batch()
	sh.Clients = max(sh.Clients, int(n))
	if w.Measurement, err = load.Run(ctx, o.Options, f, sh); err != nil {
		return w, err
	}
	w.Streams = n
	var sum, count float64
	for _, s := range f.nodes {
		m, err := s.Metrics(ctx)
		if err != nil {
			return w, err
		}
		sum += m["archiver_archive_commit_duration_seconds_sum"]
		count += m["archiver_archive_commit_duration_seconds_count"]
	}
	w.ArchiveMean = sum / max(count, 1)
	return w, nil
}

// fleet is many servers and the S3 endpoint that they share. The clients are dealt out to the servers.
type fleet struct {
	s3      *sidecar.Sidecar
	archive *sidecar.Archive
	nodes   []*sidecar.Sidecar
}

func (f *fleet) Connect(ctx context.Context, client int, requests [][]event.Event) (load.Sender, error) {
	return f.nodes[client%len(f.nodes)].Connect(ctx, client, requests)
}

func (f *fleet) Usage() (sum proc.Usage, err error) {
	for _, s := range append([]*sidecar.Sidecar{f.s3}, f.nodes...) {
		u, err := s.Usage()
		if err != nil {
			return sum, err
		}
		sum.CPU, sum.Peak = sum.CPU+u.CPU, sum.Peak+u.Peak
	}
	return sum, nil
}

// Settle waits for every server.
func (f *fleet) Settle(ctx context.Context) error {
	for _, s := range f.nodes {
		if err := s.Settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Held asks the ledger: the streams together must have committed what was acknowledged.
func (f *fleet) Held(ctx context.Context, acknowledged int64) (load.Kept, error) {
	rows, err := f.archive.Rows(ctx)
	if err != nil {
		return load.Kept{}, err
	}
	var held int64
	for _, n := range rows {
		held += n
	}
	if held != acknowledged {
		return load.Kept{}, fmt.Errorf("%d events were acknowledged, but the ledger holds %d", acknowledged, held)
	}
	return load.Kept{}, nil
}

func (f *fleet) Stop() error {
	var err error
	for _, s := range append(f.nodes, f.s3) {
		err = errors.Join(err, s.Kill())
	}
	return err
}
