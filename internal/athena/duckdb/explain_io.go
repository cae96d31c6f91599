//go:build cgo

package duckdb

import (
	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// ioDocument is EXPLAIN (TYPE IO): what would be read, in Trino's form.
type ioDocument struct {
	Tables   []ioTable  `json:"inputTableColumnInfos"`
	Estimate ioEstimate `json:"estimate"`
}

type ioTable struct {
	Table struct {
		Catalog string `json:"catalog"`
		Name    struct {
			Schema string `json:"schema"`
			Table  string `json:"table"`
		} `json:"schemaTable"`
	} `json:"table"`
	Constraint struct {
		None    bool       `json:"none"` // no row can match
		Columns []ioColumn `json:"columnConstraints"`
	} `json:"constraint"`
	Estimate ioEstimate `json:"estimate"`
}

type ioColumn struct {
	Name   string `json:"columnName"`
	Type   string `json:"type"`
	Domain struct {
		NullsAllowed bool      `json:"nullsAllowed"`
		Ranges       []ioRange `json:"ranges"`
	} `json:"domain"`
}

type ioRange struct {
	Low  ioBound `json:"low"`
	High ioBound `json:"high"`
}

type ioBound struct {
	Value string `json:"value,omitempty"`
	Bound string `json:"bound"` // EXACTLY; ABOVE and BELOW without a value are open
}

// ioEstimate is what is known before anything runs: Trino's row counts and costs
// are guesses that are not made here.
type ioEstimate struct {
	Bytes int64 `json:"outputSizeInBytes"`
	Files int   `json:"files"`
}

func ioPlan(plan *dialect.Plan, stats athena.Stats) ioDocument {
	doc := ioDocument{Tables: []ioTable{}, Estimate: ioEstimate{Bytes: stats.BytesPicked, Files: stats.FilesRead}}
	for _, s := range plan.Scans {
		var t ioTable
		t.Table.Catalog, t.Table.Name.Schema, t.Table.Name.Table = dialect.Catalog, dialect.Database, dialect.Table
		t.Constraint.Columns, t.Constraint.None = ioColumns(s.Bounds), s.Files == 0
		t.Estimate = ioEstimate{Bytes: s.Bytes, Files: s.Files}
		doc.Tables = append(doc.Tables, t)
	}
	return doc
}

// ioColumns are the columns that a scan is bounded by.
func ioColumns(b athena.Bounds) []ioColumn {
	list := []ioColumn{}
	add := func(name, typ string, ranges ...ioRange) {
		if len(ranges) == 0 {
			return
		}
		c := ioColumn{Name: name, Type: typ}
		c.Domain.Ranges = ranges
		list = append(list, c)
	}
	points := func(values []string) (ranges []ioRange) {
		for _, v := range values {
			ranges = append(ranges, ioRange{exactly(v), exactly(v)})
		}
		return ranges
	}
	if below, above := b.Bounded(); below || above {
		r := ioRange{open("ABOVE"), open("BELOW")}
		if below {
			r.Low = exactly(instantText(b.MinMS))
		}
		if above {
			r.High = exactly(instantText(b.MaxMS))
		}
		add("timestamp", "timestamp(3)", r)
	}
	add("retention", "varchar", points(b.Classes)...)
	if add("dt", "varchar", points(b.Days)...); b.Days == nil && (b.MinDay != "" || b.MaxDay != "") {
		r := ioRange{open("ABOVE"), open("BELOW")}
		if b.MinDay != "" {
			r.Low = exactly(b.MinDay)
		}
		if b.MaxDay != "" {
			r.High = exactly(b.MaxDay)
		}
		add("dt", "varchar", r)
	}
	return list
}

func exactly(v string) ioBound { return ioBound{Value: v, Bound: "EXACTLY"} }

func open(side string) ioBound { return ioBound{Bound: side} }
