package parquet

import (
	"encoding/binary"
	"hash/maphash"
)

// valueSet numbers the values of a column in the order in which they come: a dictionary while it is made.
type valueSet struct {
	seed      maphash.Seed
	slots     []uint32 // by hash: the number of a value plus 1, or 0; a power of two of them, half are empty at least
	values    []setValue
	data      []byte // the values, each with its length before it: the dictionary page
	textBytes int    // of the values alone
}

// setValue is one value.
type setValue struct {
	hash  uint64
	bloom uint64 // its hash in the bloom filter and the value index, where the column has one
	at    uint32 // where it begins in data
	size  uint32
	page  int32 // the last page that it was seen in, from 1
}

const leastSlots = 256

func newValueSet() *valueSet {
	return &valueSet{seed: maphash.MakeSeed(), slots: make([]uint32, leastSlots)}
}

// id returns the number of s. It is fresh when s was not there.
func (d *valueSet) id(s string) (id uint32, fresh bool) {
	h := maphash.String(d.seed, s)
	mask := uint64(len(d.slots) - 1)
	slot := h & mask
	for ; d.slots[slot] != 0; slot = (slot + 1) & mask {
		v := &d.values[d.slots[slot]-1]
		if v.hash == h && string(d.bytes(v)) == s {
			return d.slots[slot] - 1, false
		}
	}
	id = uint32(len(d.values))
	d.data = binary.LittleEndian.AppendUint32(d.data, uint32(len(s)))
	d.values = append(d.values, setValue{hash: h, at: uint32(len(d.data)), size: uint32(len(s))})
	d.data = append(d.data, s...)
	d.textBytes += len(s)
	d.slots[slot] = id + 1
	if 2*len(d.values) > len(d.slots) {
		d.grow()
	}
	return id, true
}

func (d *valueSet) grow() {
	d.slots = make([]uint32, 2*len(d.slots))
	mask := uint64(len(d.slots) - 1)
	for i := range d.values {
		slot := d.values[i].hash & mask
		for d.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		d.slots[slot] = uint32(i) + 1
	}
}

// bytes is the value itself. It does not change until reset.
func (d *valueSet) bytes(v *setValue) []byte { return d.data[v.at:][:v.size] }

// reset forgets all values.
func (d *valueSet) reset() {
	clear(d.slots)
	d.values, d.data, d.textBytes = d.values[:0], d.data[:0], 0
}

// blooms are the hashes of all values.
func (d *valueSet) blooms() []uint64 {
	hashes := make([]uint64, len(d.values))
	for i := range d.values {
		hashes[i] = d.values[i].bloom
	}
	return hashes
}
