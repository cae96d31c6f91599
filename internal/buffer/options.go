package buffer

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
)

// Options say where the log is and when its batches are sealed. Zero numbers
// mean the default.
type Options struct {
	Dir    string // on a local disk; created when missing; files of others are left alone
	FS     durable.FS
	Stream uuid.UUID
	Now    func() time.Time
	Log    *slog.Logger // nil: silent

	SegmentBytes int64         // size of a new segment file; default 64 MiB. It also bounds one Append.
	SealRows     int64         // a batch is sealed before it has more rows; default 1,000,000
	SealBytes    int64         // … once it has as many bytes in the log; default 256 MiB
	SealAge      time.Duration // … once its first event waited that long; default 15 min
	Partitions   int           // … before it has more (class, day) partitions; default 64, at most 128
	Heartbeat    time.Duration // an empty batch after that long without a seal; default 1 h; negative: never

	// Retention says how long a class is locked. It must know every class that
	// is appended, also when the log is opened again.
	Retention func(class string) (time.Duration, bool)

	Reserve     int64 // bytes that stay free on the disk; below: ErrFull; default 64 MiB, negative: none
	HighWater   int64 // most unreleased bytes in the log; above: ErrFull; default 8 GiB
	QueueEvents int   // most events that wait for the group commit; default 65,536
	QueueBytes  int64 // most encoded bytes that wait for it; default 64 MiB

	RetryIDs int64         // how many of the last ids are remembered; default 4,194,304, negative: none
	RetryAge time.Duration // … and for how long, up to a minute more; default 24 h

	FirstSeq int64 // seq of the first event of a new log

	// Stored is told of every AppendTicket after its answer, all of one sync
	// together. Run calls it: it must return at once. nil: nobody is told.
	Stored func([]Stored)
}

// partitionsMax keeps a seal below sealBytesMax.
const partitionsMax = 128

func (o Options) withDefaults() (Options, error) {
	orInt(&o.SegmentBytes, 64<<20)
	orInt(&o.SealRows, 1_000_000)
	orInt(&o.SealBytes, 256<<20)
	orInt(&o.SealAge, 15*time.Minute)
	orInt(&o.Partitions, 64)
	orInt(&o.Heartbeat, time.Hour)
	orInt(&o.Reserve, 64<<20)
	orInt(&o.HighWater, 8<<30)
	orInt(&o.QueueEvents, 65_536)
	orInt(&o.QueueBytes, 64<<20)
	orInt(&o.RetryIDs, 1<<22)
	orInt(&o.RetryAge, 24*time.Hour)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, o.validate()
}

func orInt[T ~int | ~int64](v *T, otherwise T) {
	if *v == 0 {
		*v = otherwise
	}
}

func (o *Options) validate() error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(o.Dir != "", "dir: must be set")
	check(o.FS != nil && o.Now != nil && o.Retention != nil, "FS, Now and Retention: must be set")
	check(o.Stream != uuid.Nil, "stream: must be set")
	check(o.SegmentBytes >= segmentMin && o.SegmentBytes <= segmentMax && o.SegmentBytes%sector == 0,
		"segment bytes: %d is not a multiple of %d from %d to %d", o.SegmentBytes, sector, segmentMin, segmentMax)
	check(o.Partitions > 0 && o.Partitions <= partitionsMax, "partitions: %d is not from 1 to %d", o.Partitions, partitionsMax)
	check(o.SealRows > 0 && o.SealBytes > 0 && o.SealAge > 0, "seal limits: must be positive")
	check(o.HighWater > 0 && o.QueueEvents > 0 && o.QueueBytes > 0, "queue and high-water limits: must be positive")
	check(o.QueueEvents <= retryIDsMax, "queue: %d events are more than %d", o.QueueEvents, retryIDsMax)
	check(o.RetryIDs <= retryIDsMax && o.RetryAge > 0, "retry window: %d ids for %v is not at most %d for a positive time", o.RetryIDs, o.RetryAge, retryIDsMax)
	check(o.FirstSeq >= 0, "first seq: %d is negative", o.FirstSeq)
	return errors.Join(problems...)
}

// retryIDsMax keeps places of marks within placeBits, those of a group besides, and memory
// within reason.
const retryIDsMax = 1 << 26

// appendBytesMax is the most that one Append may encode to: it has to lie in one
// frame, and a frame in one segment.
func (o *Options) appendBytesMax() int64 {
	return o.SegmentBytes - headerBytes - sealBytesMax - 2*sector - frameOverhead
}
