package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/internal/verify"
)

// verifier verifies the archive of a server from time to time. What it finds is an
// alarm; events are taken all the same, since refusing them would only lose more.
type verifier struct {
	cfg   config.Config
	store *s3store.Store
	log   *slog.Logger
	dir   string // its state, and the last report
	o     verify.Options

	mu   sync.Mutex
	last *verify.Report // nil: none since the start
	err  error          // why the last run gave no report

	ended, seconds, violations, unchecked prometheus.Gauge
	result                                *prometheus.GaugeVec
}

// reportFile is the last report, as `archiver verify --json` prints it.
const reportFile = "last.json"

// openVerifier makes the verifier of a server; with verify.every 0 it never runs.
func openVerifier(c config.Config, store *s3store.Store, metrics prometheus.Registerer, log *slog.Logger) (*verifier, error) {
	v := &verifier{cfg: c, store: store, log: log, dir: filepath.Join(c.DataDir, "verify")}
	if c.Verify.Every == 0 {
		return v, nil
	}
	var err error
	if v.o, err = verifyOptions(c, verifyFlags{state: v.dir, levels: c.Verify.Levels, sample: 1}); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(durable.OS(), v.dir, 0o700); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		metrics.MustRegister(g)
		return g
	}
	v.ended = gauge("archiver_verify_last_run_timestamp_seconds", "Unix time when the last verification of the archive ended with a report; 0 before the first.")
	v.seconds = gauge("archiver_verify_duration_seconds", "How long the last verification took.")
	v.violations = gauge("archiver_verify_violations", "Findings of the last verification that are not mere information.")
	v.unchecked = gauge("archiver_verify_unchecked", "What the last verification could not look at.")
	v.result = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "archiver_verify_result",
		Help: "1 for the result of the last verification, 0 for the others."}, []string{"result"})
	metrics.MustRegister(v.result)
	v.showResult("") // so that each is there from the start
	return v, nil
}

// run verifies until ctx ends. It never ends the group.
func (v *verifier) run(ctx context.Context) error {
	if v.cfg.Verify.Every == 0 {
		return nil
	}
	for ctx.Err() == nil {
		begun := time.Now()
		report, err := v.once(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to stop
		}
		v.tell(report, err, time.Since(begun))
		wait := time.NewTimer(v.cfg.Verify.Every)
		select {
		case <-ctx.Done():
			wait.Stop()
		case <-wait.C:
		}
	}
	return nil
}

// once makes one report, keeps it, and attests it if that is asked for.
func (v *verifier) once(ctx context.Context) (*verify.Report, error) {
	report, err := verifyBucket(ctx, v.cfg, v.store, v.o)
	if err != nil {
		return nil, err
	}
	var printed, said bytes.Buffer
	if err := printJSON(&printed, report); err != nil {
		return report, err
	}
	if err := durable.WriteFile(durable.OS(), filepath.Join(v.dir, reportFile), printed.Bytes(), 0o600); err != nil {
		return report, err
	}
	if v.cfg.Verify.Attest {
		if err := attest(ctx, &said, v.cfg, v.store, report, printed.Bytes()); err != nil {
			return report, err
		}
	}
	return report, nil
}

// tell makes known what a run found.
func (v *verifier) tell(r *verify.Report, err error, took time.Duration) {
	v.mu.Lock()
	v.last, v.err = r, err
	v.mu.Unlock()
	if err != nil {
		v.log.Error("the archive could not be verified", "error", err)
	}
	if r == nil {
		return
	}
	v.ended.Set(float64(r.To.UnixMilli()) / 1000)
	v.seconds.Set(took.Seconds())
	v.violations.Set(float64(r.Violations()))
	v.unchecked.Set(float64(len(r.Unchecked)))
	v.showResult(r.Result)
	report := filepath.Join(v.dir, reportFile)
	switch r.Result {
	case verify.OK:
		v.log.Info("the archive is verified", "seconds", took.Seconds(), "report", report)
	case verify.Violation:
		v.log.Error("VIOLATION: the archive is not as it should be", "findings", r.Violations(), "report", report)
		for _, f := range r.Findings {
			if !f.Kind.Information() {
				v.log.Error("finding", "kind", f.Kind, "level", f.Level, "key", f.Key, "version", f.Version, "detail", f.Detail, "action", f.Action)
			}
		}
	default:
		v.log.Warn("not everything of the archive could be verified", "unchecked", len(r.Unchecked), "report", report)
	}
}

func (v *verifier) showResult(is verify.Result) {
	for _, result := range []verify.Result{verify.OK, verify.Violation, verify.Indeterminate} {
		value := 0.0
		if result == is {
			value = 1
		}
		v.result.WithLabelValues(string(result)).Set(value)
	}
}

// checks tell in /readyz what was found. Events are taken all the same.
func (v *verifier) checks() []ingest.Check {
	if v.cfg.Verify.Every == 0 {
		return nil
	}
	return []ingest.Check{{Name: "verify", Ready: func(context.Context) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch {
		case v.err != nil:
			return ingest.Degraded{Reason: v.err.Error()}
		case v.last != nil && v.last.Result != verify.OK:
			return ingest.Degraded{Reason: fmt.Sprintf("%s at %s; see %s", v.last.Result, v.last.To.Format(time.RFC3339), filepath.Join(v.dir, reportFile))}
		}
		return nil
	}}}
}
