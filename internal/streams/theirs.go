package streams

import (
	"context"
	"slices"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// Theirs is the index of the first commit of the stream that another writer has made: a
// copy of the folder, the folder before it was rolled back, a recovery. It is len(made)
// when there is none, or when all that they committed is in our log just as it is and the
// archiver has not found it yet. made are the stream's commits from index 0, read before
// the call.
//
// Up to where the archiver's status is they are ours. A batch of ours leaves the log
// after the status has moved past its commit, so the log is looked at before the status:
// what is behind the one and not in the other is not ours.
func (s *Stream) Theirs(ctx context.Context, made []ledger.Manifest) (int, error) {
	if int64(len(made)) <= s.Archiver.Status().Index+1 {
		return len(made), nil
	}
	log, err := s.Buffer.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	st := s.Archiver.Status()
	for i := int(st.Index) + 1; i < len(made); i++ {
		if !ours(&made[i], log, st) {
			return i, nil
		}
	}
	return len(made), nil
}

// ours tells whether a commit that is not confirmed yet can be ours, or adds nothing to what
// we have. An archiver that has stopped found another's. A start note of our own after a
// reboot is not told from a copy's, until it is confirmed: answers are held back meanwhile.
func ours(m *ledger.Manifest, log *buffer.Snapshot, st archive.Status) bool {
	switch {
	case m.Last < m.First && m.Has(ledger.NoteRotate):
		return true // whoever closed the stream has no more than came before
	case m.Index == 0 && m.Has(ledger.NoteStart):
		return !st.Stopped // the stream begins
	}
	return !st.Stopped && slices.ContainsFunc(log.Batches, func(b *buffer.Batch) bool {
		return b.First == m.First && b.Last == m.Last && b.Count == m.Count && b.Through.Equal(m.Through) && b.SealedAt.Equal(m.SealedAt)
	})
}
