// Package parquet turns rows of one partition into the bytes of one Parquet file, and back without loss.
//
// The same rows always give the same bytes. The reader trusts nothing: it decodes the few encodings that
// the format allows by itself, with explicit bounds, so a hostile file costs an error and not memory.
// It shares nothing with the encoders of the writer, which are the library's, so reading a file back checks those.
package parquet

import (
	"reflect"
	"slices"

	pq "github.com/parquet-go/parquet-go"

	"github.com/audit-archiver/archiver/internal/event"
)

// formatVersion is the version of the file format, kept in each file's metadata under metadataFormat.
const formatVersion = "1"

// metadataFormat is the key of the format version in the file's key-value metadata.
const metadataFormat = "archiver.format"

// Column describes one column of the table audit_logs. Its place in Schema is its place in the table.
type Column struct {
	Name      string
	HiveType  string // as in CREATE EXTERNAL TABLE
	TrinoType string // as in a query result
	Nullable  bool
	Partition bool // in the object's key, not in the file
	Comment   string
}

// Schema returns the table's columns in order; the partition columns are last.
func Schema() []Column {
	fileColumns := columns()
	table := make([]Column, 0, len(fileColumns)+2)
	for _, c := range fileColumns {
		table = append(table, c.Column)
	}
	return append(table,
		Column{Name: "retention", HiveType: "string", TrinoType: "varchar", Partition: true, Comment: "retention class; decides how long the file is locked"},
		Column{Name: "dt", HiveType: "string", TrinoType: "varchar", Partition: true, Comment: "UTC date of timestamp, yyyy-MM-dd"},
	)
}

type kind int

const (
	kindText kind = iota
	kindInt
	kindTime // milliseconds since 1970 UTC
)

// source says which part of a row a column holds.
type source int

const (
	sourceField  source = iota // the field that str, text or num points at
	sourceMillis               // derived from TimestampNS
	sourceStream               // the same in every row of a file
	sourceDay                  // derived from TimestampNS
)

// column is one column of the file: what it means, how it is encoded and where it lives in a row.
// Exactly one of str, text and num is set when the source is sourceField.
type column struct {
	Column
	kind   kind
	source source

	dict   bool // low cardinality: dictionary encoded
	bloom  bool
	bounds bool // minimum and maximum are worth their bytes

	// pageRows ends a page, so that a row can be read without many others; 0 is never.
	// Small pages cost bytes where values repeat from afar, and nothing where they do not.
	pageRows int
	index    int // of the column in the value index, from 1; 0 is none

	str  func(*event.Row) *string
	text func(*event.Row) *event.Text
	num  func(*event.Row) *int64
}

// columns is the schema. A later version may only append nullable columns.
func columns() []column {
	cols := tableColumns()
	for i := range cols {
		c := &cols[i]
		switch {
		case c.Name == "id", c.Name == "request_id":
			c.pageRows = 256
		case c.Name == "resource_id", c.Name == "details":
			c.pageRows = 512
		case c.Name == "actor_id", c.Name == "actor_email", c.Name == "ip", c.Name == "user_agent", c.Name == "organization_id":
			c.pageRows = 2048
		case c.kind != kindText:
			c.pageRows = 4096
		default:
			c.pageRows = 8192
		}
		c.index = 1 + slices.Index(indexColumns(), c.Name)
	}
	return cols
}

func tableColumns() []column {
	return []column{
		{Column: textColumn("id", "UUID of the event"), bloom: true, bounds: true,
			str: func(r *event.Row) *string { return &r.ID }},
		{Column: timeColumn("timestamp", "when it happened, UTC, rounded down to milliseconds"), kind: kindTime, source: sourceMillis, bounds: true},
		{Column: textColumn("action", "what was done, such as user.login"), dict: true, bounds: true,
			str: func(r *event.Row) *string { return &r.Action }},
		{Column: textColumn("actor_id", "who did it"), dict: true, bloom: true, bounds: true,
			str: func(r *event.Row) *string { return &r.ActorID }},
		{Column: textColumn("actor_type", "user, system or api_key"), dict: true, bounds: true,
			str: func(r *event.Row) *string { return &r.ActorType }},
		{Column: nullable(textColumn("actor_email", "e-mail address of the actor")), dict: true, bounds: true,
			text: func(r *event.Row) *event.Text { return &r.ActorEmail }},
		{Column: textColumn("resource_type", "kind of thing it was done to"), dict: true, bounds: true,
			str: func(r *event.Row) *string { return &r.ResourceType }},
		{Column: nullable(textColumn("resource_id", "which one")), bloom: true, bounds: true,
			text: func(r *event.Row) *event.Text { return &r.ResourceID }},
		{Column: textColumn("outcome", "success or failure"), dict: true, bounds: true,
			str: func(r *event.Row) *string { return &r.Outcome }},
		{Column: nullable(textColumn("reason", "why it failed")),
			text: func(r *event.Row) *event.Text { return &r.Reason }},
		{Column: nullable(textColumn("details", "JSON object, its bytes exactly as received")),
			text: func(r *event.Row) *event.Text { return &r.Details }},
		{Column: nullable(textColumn("request_id", "request that caused it")), bloom: true, bounds: true,
			text: func(r *event.Row) *event.Text { return &r.RequestID }},
		{Column: nullable(textColumn("ip", "IPv4 or IPv6 address of the client, as sent")), dict: true, bounds: true,
			text: func(r *event.Row) *event.Text { return &r.IP }},
		{Column: nullable(textColumn("user_agent", "user agent of the client")), dict: true,
			text: func(r *event.Row) *event.Text { return &r.UserAgent }},
		{Column: nullable(textColumn("organization_id", "tenant")), dict: true, bloom: true, bounds: true,
			text: func(r *event.Row) *event.Text { return &r.OrganizationID }},
		{Column: timeColumn("received_at", "when the archiver took it, UTC, milliseconds; never goes back within a stream"), kind: kindTime, bounds: true,
			num: func(r *event.Row) *int64 { return &r.ReceivedAtMS }},
		{Column: textColumn("producer", "authenticated identity of the sender"), dict: true, bounds: true,
			str: func(r *event.Row) *string { return &r.Producer }},
		{Column: intColumn("timestamp_ns", "when it happened, exact, nanoseconds since 1970 UTC"), kind: kindInt, bounds: true,
			num: func(r *event.Row) *int64 { return &r.TimestampNS }},
		{Column: textColumn("stream", "UUID of the stream that took it"), source: sourceStream, dict: true, bounds: true},
		{Column: intColumn("seq", "place in the stream, from 0, without gaps"), kind: kindInt, bounds: true,
			num: func(r *event.Row) *int64 { return &r.Seq }},
	}
}

func textColumn(name, comment string) Column {
	return Column{Name: name, HiveType: "string", TrinoType: "varchar", Comment: comment}
}

func timeColumn(name, comment string) Column {
	return Column{Name: name, HiveType: "timestamp", TrinoType: "timestamp(3)", Comment: comment}
}

func intColumn(name, comment string) Column {
	return Column{Name: name, HiveType: "bigint", TrinoType: "bigint", Comment: comment}
}

func nullable(c Column) Column {
	c.Nullable = true
	return c
}

// table is the schema's root. The library's own group type sorts its fields by name; ours keeps the table's order.
type table struct {
	pq.Group
	fields []pq.Field
}

func (t table) Fields() []pq.Field { return t.fields }

type field struct {
	pq.Node
	name string
}

func (f field) Name() string { return f.name }

// Value is never called: values are written column by column and not by reflection.
func (f field) Value(reflect.Value) reflect.Value { return reflect.Value{} }

func fileSchema(cols []column) *pq.Schema {
	fields := make([]pq.Field, 0, len(cols))
	for _, c := range cols {
		fields = append(fields, field{Node: node(c), name: c.Name})
	}
	return pq.NewSchema("audit_logs", table{fields: fields})
}

func node(c column) pq.Node {
	var n pq.Node
	switch c.kind {
	case kindText:
		n = pq.Encoded(pq.String(), &pq.Plain)
		if c.dict {
			n = pq.Encoded(pq.String(), &pq.RLEDictionary)
		}
	case kindInt:
		n = pq.Encoded(pq.Int(64), &pq.DeltaBinaryPacked)
	case kindTime:
		n = pq.Encoded(pq.TimestampAdjusted(pq.Millisecond, true), &pq.DeltaBinaryPacked)
	}
	if c.Nullable {
		return pq.Optional(n)
	}
	return n
}
