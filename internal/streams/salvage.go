package streams

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
)

// Salvage is the way out of a log that is damaged before its end, which Open refuses:
// what is intact of it is archived under the seqs that were acknowledged, signed notes
// say what is not, the stream is closed, and the oldest successor that waits becomes
// current. The damaged log stays where it is; nobody writes to it again.
//
// It may be cut short anywhere and run again. With dryRun it only looks.
func Salvage(ctx context.Context, o Options, dryRun bool) (_ archive.Recovered, _ []buffer.Damage, err error) {
	fail := func(err error) (archive.Recovered, []buffer.Damage, error) {
		return archive.Recovered{}, nil, err
	}
	l := newLine(o)
	c, err := l.o.begin()
	if err != nil {
		return fail(err)
	}
	at, err := l.o.find(c.Stream)
	if err != nil {
		return fail(err)
	}
	key, err := l.o.LoadKey(at.keyFile, at.open.VKey)
	if err != nil {
		return fail(fmt.Errorf("stream key: %w", err))
	}
	identity, err := l.o.Identity(at.walDir())
	if err != nil {
		return fail(err)
	}
	if err := buffer.Newer(l.o.FS, at.walDir()); err != nil { // which is not damaged: nothing is done
		return fail(err)
	}
	damaged, next := &Stream{Open: at.open, certified: at}, &certified{}
	if !dryRun {
		if next, err = l.choose(ctx, damaged); err != nil {
			return fail(err)
		}
		if err := l.prepare(ctx, next); err != nil {
			return fail(err)
		}
	}
	got, damage, err := archive.Salvage(ctx, archive.SalvageOptions{
		Options: archive.Options{
			Dir: at.dir, FS: l.o.FS, Store: l.o.Store, Prefix: l.o.Prefix, Stream: at.open.Stream, Open: at.raw, Root: l.o.Root, Signer: key,
			Identity: identity, Writer: l.o.Writer, Prove: l.o.Prove, AheadMost: l.o.AheadMost,
			Now: l.o.Now, Pause: l.o.pause, Log: l.o.Log.With("part", "salvage"), Metrics: prometheus.NewRegistry(),
		},
		LogDir: at.walDir(), Retention: l.o.Buffer.Retention, Successor: damaged.named(next), DryRun: dryRun,
	})
	if err != nil || dryRun {
		return got, damage, err
	}
	return got, damage, l.o.save(current{Stream: next.open.Stream})
}
