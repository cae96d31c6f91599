package receipt

import (
	"sort"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// historyBytes bounds the receipts that are remembered for retries.
const historyBytes = 32 << 20

// history remembers the last receipts, in order of their seqs.
type history struct {
	all   []*ledger.Receipt
	bytes int
}

func (h *history) add(r *ledger.Receipt) {
	h.all = append(h.all, r)
	h.bytes += weight(r)
	drop := 0
	for h.bytes > historyBytes && drop < len(h.all)-1 {
		h.bytes -= weight(h.all[drop])
		h.all[drop] = nil
		drop++
	}
	h.all = h.all[drop:]
}

// weight is about what a receipt takes in memory. Its note may be shared.
func weight(r *ledger.Receipt) int {
	const overhead = 256
	return overhead + len(r.Note) + 32*(len(r.Path)+len(r.Leaves))
}

func (h *history) find(seq int64) *ledger.Receipt {
	i := sort.Search(len(h.all), func(i int) bool { return h.all[i].Last() >= seq })
	if i < len(h.all) && h.all[i].First <= seq {
		return h.all[i]
	}
	return nil
}
