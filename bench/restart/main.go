// Command restart measures how long the archiver takes to serve again after kill -9 with a large log: every frame is
// read, checked, and its ids remembered, before the first event is accepted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/proc"
	"github.com/audit-archiver/archiver/bench/sidecar"
)

func main() {
	bytes := flag.Int64("bytes", 1_000_000_000, "frames in the log before the restart, none of them archived")
	dir := flag.String("dir", "/var/tmp", "where the data lies while it runs; must be a real disk")
	binary := flag.String("archiver", "", "program to measure; built from the work tree when empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bytes, *dir, *binary); err != nil {
		fmt.Fprintln(os.Stderr, "restart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bytes int64, dir, binary string) (err error) {
	if err := proc.RefuseMemory(dir); err != nil {
		return err
	}
	if dir, err = os.MkdirTemp(dir, "archiver-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if binary == "" {
		if binary, err = sidecar.Build(ctx, dir); err != nil {
			return err
		}
	}
	data := filepath.Join(dir, "data")
	held, events, err := fill(ctx, binary, data, bytes)
	if err != nil {
		return err
	}
	begin := time.Now()
	dev, err := sidecar.Dev(binary, data, sidecar.Never())
	took := time.Since(begin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Kill()) }()
	m, err := dev.Metrics(ctx)
	if err != nil {
		return err
	}
	if next := int64(m["archiver_wal_next_seq"]); next != events {
		return fmt.Errorf("%d events were acknowledged, after the restart the log holds %d", events, next)
	}
	u, err := dev.Usage()
	if err != nil {
		return err
	}
	fmt.Printf("%.2f GB of frames, %d events: ready after %.1f s, %.1f CPU s, peak %.0f MB\n",
		float64(held)/1e9, events, took.Seconds(), u.CPU.Seconds(), float64(u.Peak)/1e6)
	return nil
}

// fill loads a server until its log has so many bytes, and kills it.
func fill(ctx context.Context, binary, data string, bytes int64) (held, events int64, err error) {
	dev, err := sidecar.Dev(binary, data, sidecar.Never())
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, dev.Kill()) }()
	for held < bytes {
		if _, err := load.Run(ctx, load.Options{Seconds: 2 * time.Second}, dev, load.Batch()); err != nil {
			return 0, 0, err
		}
		m, err := dev.Metrics(ctx)
		if err != nil {
			return 0, 0, err
		}
		held, events = int64(m["archiver_wal_open_bytes"]), int64(m["archiver_wal_next_seq"])
	}
	return held, events, nil
}
