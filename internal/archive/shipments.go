package archive

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// shipments fetches and verifies what a stream's node has shipped.
type shipments struct {
	bucket
	prefix string
	open   ledger.Open

	// One file for all of them: there may be more than a process may have open.
	file durable.File
	end  int64 // of what is verified

	remarks []string // what does not belong there; bounded by remarksMost
}

// remarksMost bounds what is told about objects that others wrote.
const remarksMost = 1000

// shipment is one that is on our disk and verified.
type shipment struct {
	about  ledger.Shipment
	frames *io.SectionReader
}

// fetch returns the shipments that have something of the seqs from next on, in
// order of where they begin.
//
// A version counts if its bytes have the hash that its name ends in and the stream's
// key signed them; of several the oldest. Whatever else is there, newer versions and
// delete markers included, is remarked and changes nothing. What cannot be read is
// an error: it might be a part of the log.
func (s *shipments) fetch(ctx context.Context, next int64) ([]shipment, error) {
	var all []shipment
	dir := ledger.WALPrefix(s.prefix, s.open.Stream)
	var group []object.Info // versions of one key, newest first
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		got, err := s.choose(ctx, strings.TrimPrefix(group[0].Key, dir), group, next)
		if got != nil {
			all = append(all, *got)
		}
		group = group[:0]
		return err
	}
	for info, err := range s.store.Versions(ctx, dir) {
		if err != nil {
			return nil, fmt.Errorf("list shipments: %w", err)
		}
		if len(group) > 0 && group[0].Key != info.Key {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		group = append(group, info)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(x, y shipment) int {
		return cmp.Or(cmp.Compare(x.about.First, y.about.First), cmp.Compare(x.about.Batch, y.about.Batch), cmp.Compare(x.about.Last, y.about.Last))
	})
	return all, nil
}

// choose fetches the true version of one key; nil when there is none, or when it
// says nothing about the seqs from next on.
func (s *shipments) choose(ctx context.Context, name string, versions []object.Info, next int64) (*shipment, error) {
	parsed, ok := ledger.ParseShipmentName(name)
	if !ok {
		s.remark("%s: no shipment is named so", versions[0].Key)
		return nil, nil
	}
	if parsed.Last < next {
		return nil, nil // archived
	}
	var chosen *shipment
	for _, v := range slices.Backward(versions) {
		switch {
		case v.DeleteMarker: // by a rule of the bucket, perhaps: it hides, and takes nothing away
			s.remark("%s version %s: a delete marker", v.Key, v.VersionID)
			continue
		case chosen != nil:
			s.remark("%s version %s: lies on top of the true one", v.Key, v.VersionID)
			continue
		case v.Size > ledger.MaxShipmentBytes:
			s.remark("%s version %s: %d bytes, more than any shipment has", v.Key, v.VersionID, v.Size)
			continue
		}
		got, err := s.version(ctx, v, parsed)
		if errors.Is(err, errForeign) {
			s.remark("%s version %s: %v", v.Key, v.VersionID, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("shipment %s version %s: %w", v.Key, v.VersionID, err)
		}
		chosen = got
	}
	return chosen, nil
}

// errForeign: the stream's node did not write this.
var errForeign = errors.New("not written by the stream's node")

// version copies one version to our disk and verifies the copy. It fetches no more
// than the head of what was not signed for this name: others may write at will.
func (s *shipments) version(ctx context.Context, v object.Info, name ledger.ShipmentName) (*shipment, error) {
	body, err := s.store.Get(ctx, v.Key, v.VersionID)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	head := make([]byte, min(v.Size, ledger.MaxShipmentHead))
	if _, err := io.ReadFull(body, head); err != nil {
		return nil, err
	}
	about, length, err := ledger.ParseShipment(head, &s.open)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	case about.First != name.First || about.Last != name.Last:
		return nil, fmt.Errorf("%w: it is about seq %d to %d", errForeign, about.First, about.Last)
	case v.Size != length+about.Size:
		return nil, fmt.Errorf("%w: it has %d bytes, %d were signed", errForeign, v.Size, length+about.Size)
	}
	whole, frames := sha256.New(), sha256.New()
	whole.Write(head)
	frames.Write(head[length:])
	to := &offsetWriter{f: s.file, n: s.end}
	if _, err := to.Write(head[length:]); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.MultiWriter(to, whole, frames), io.LimitReader(body, v.Size-int64(len(head)))); err != nil {
		return nil, err
	}
	switch {
	case to.n-s.end != about.Size:
		return nil, io.ErrUnexpectedEOF
	case !name.Names(ledger.Hash(whole.Sum(nil))):
		return nil, fmt.Errorf("%w: its SHA-256 is not the one in its name", errForeign)
	case about.SHA256 != ledger.Hash(frames.Sum(nil)):
		return nil, fmt.Errorf("%w: its frames are not those that were signed", errForeign)
	}
	got := &shipment{about, io.NewSectionReader(s.file, s.end, about.Size)}
	s.end = to.n // what is not verified is written over
	return got, nil
}

func (s *shipments) remark(format string, args ...any) {
	if len(s.remarks) < remarksMost {
		s.remarks = append(s.remarks, fmt.Sprintf(format, args...))
	}
}

// place is where a shipment begins.
func (s *shipment) place() buffer.Place {
	return buffer.Place{NextSeq: s.about.First, NextBatch: s.about.Batch, BatchFirst: s.about.BatchFirst}
}
