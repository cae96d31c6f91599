package event

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// DecodeLeaf is the inverse of [AppendLeaf]. It accepts nothing that AppendLeaf
// does not produce: a row has exactly one leaf, and a leaf is of exactly one row.
// What the columns say is not checked.
func DecodeLeaf(b []byte) (Row, error) {
	var row Row
	rest, ok := strings.CutPrefix(string(b), leafMagic) // one allocation, shared by all fields
	if !ok {
		return row, errors.New("decode leaf: does not begin with the magic and a version that is known")
	}
	r := reader{rest: rest}
	r.columns(&row.Event)
	stream := r.take(len(uuid.UUID{}), "stream")
	row.Seq = r.int64("seq")
	row.Retention = r.string("retention")
	if r.err != nil {
		return Row{}, fmt.Errorf("decode leaf: %w", r.err)
	}
	if len(r.rest) != 0 {
		return Row{}, fmt.Errorf("decode leaf: %d bytes after the last field", len(r.rest))
	}
	copy(row.Stream[:], stream)
	return row, nil
}
