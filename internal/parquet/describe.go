package parquet

import (
	"encoding/binary"
	"time"

	"github.com/parquet-go/parquet-go/format"
)

// Description is what a file's footer says, for people and for tools.
type Description struct {
	Format       string              `json:"format"` // version
	CreatedBy    string              `json:"created_by"`
	Bytes        int64               `json:"bytes"`
	FooterBytes  int64               `json:"footer_bytes"`
	Rows         int64               `json:"rows"`
	footerBounds                     // over all row groups
	Metadata     map[string]string   `json:"metadata"`
	Columns      []ColumnDescription `json:"columns"`
	RowGroups    []GroupDescription  `json:"row_groups"`
}

// footerBounds are taken from the footer's statistics and not from the rows. A bound that a file does not give is left out.
type footerBounds struct {
	MinTimestamp string `json:"min_timestamp,omitempty"` // RFC 3339, to the nanosecond
	MaxTimestamp string `json:"max_timestamp,omitempty"`
	MinSeq       *int64 `json:"min_seq,omitempty"`
	MaxSeq       *int64 `json:"max_seq,omitempty"`
}

// ColumnDescription sums up one column over all row groups. Sizes are bytes and include page headers.
type ColumnDescription struct {
	Name              string   `json:"name"`
	Type              string   `json:"type"` // as in "optional binary (STRING)"
	Encodings         []string `json:"encodings"`
	Compression       string   `json:"compression"`
	Nulls             int64    `json:"nulls"`
	CompressedBytes   int64    `json:"compressed_bytes"`
	UncompressedBytes int64    `json:"uncompressed_bytes"`
	BloomFilterBytes  int64    `json:"bloom_filter_bytes"`
}

// GroupDescription is one row group. Sizes are bytes of column data, without filters and indexes.
type GroupDescription struct {
	Rows              int64 `json:"rows"`
	CompressedBytes   int64 `json:"compressed_bytes"`
	UncompressedBytes int64 `json:"uncompressed_bytes"`
	footerBounds
}

// Describe returns what the footer says. It reads no rows.
func (r *Reader) Describe() Description {
	d := Description{
		CreatedBy:   r.meta.CreatedBy,
		Bytes:       r.size,
		FooterBytes: r.size - r.footer,
		Rows:        r.meta.NumRows,
		Metadata:    make(map[string]string, len(r.meta.KeyValueMetadata)),
		Columns:     make([]ColumnDescription, len(r.meta.Schema)-1),
	}
	for _, kv := range r.meta.KeyValueMetadata {
		d.Metadata[kv.Key] = kv.Value
	}
	d.Format = d.Metadata[metadataFormat]
	for i := range d.Columns {
		e := &r.meta.Schema[1+i]
		d.Columns[i] = ColumnDescription{Name: e.Name, Type: elementType(e)}
	}
	var all bounds
	for i := range r.meta.RowGroups {
		g := &r.meta.RowGroups[i]
		group := GroupDescription{Rows: g.NumRows}
		var own bounds
		for j := range g.Columns {
			m := &g.Columns[j].MetaData
			d.Columns[j].add(m)
			group.CompressedBytes += m.TotalCompressedSize
			group.UncompressedBytes += m.TotalUncompressedSize
			if name := d.Columns[j].Name; name == "timestamp_ns" || name == "seq" {
				own.add(name, m)
				all.add(name, m)
			}
		}
		group.footerBounds = own.describe()
		d.RowGroups = append(d.RowGroups, group)
	}
	d.footerBounds = all.describe()
	return d
}

func (c *ColumnDescription) add(m *format.ColumnMetaData) {
	c.Compression = m.Codec.String()
	c.Nulls += m.Statistics.NullCount
	c.CompressedBytes += m.TotalCompressedSize
	c.UncompressedBytes += m.TotalUncompressedSize
	c.BloomFilterBytes += int64(m.BloomFilterLength)
	if c.Encodings == nil {
		for _, e := range m.Encoding {
			c.Encodings = append(c.Encodings, e.String())
		}
	}
}

// bounds collects minima and maxima by column name.
type bounds struct{ low, high map[string]int64 }

func (b *bounds) add(column string, m *format.ColumnMetaData) {
	if len(m.Statistics.MinValue) != 8 || len(m.Statistics.MaxValue) != 8 {
		return
	}
	if b.low == nil {
		b.low, b.high = make(map[string]int64), make(map[string]int64)
	}
	low := int64(binary.LittleEndian.Uint64(m.Statistics.MinValue))
	high := int64(binary.LittleEndian.Uint64(m.Statistics.MaxValue))
	if old, ok := b.low[column]; !ok || low < old {
		b.low[column] = low
	}
	if old, ok := b.high[column]; !ok || high > old {
		b.high[column] = high
	}
}

func (b *bounds) describe() (d footerBounds) {
	if low, ok := b.low["timestamp_ns"]; ok {
		d.MinTimestamp = rfc3339(low)
		d.MaxTimestamp = rfc3339(b.high["timestamp_ns"])
	}
	if low, ok := b.low["seq"]; ok {
		high := b.high["seq"]
		d.MinSeq, d.MaxSeq = &low, &high
	}
	return d
}

func rfc3339(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
