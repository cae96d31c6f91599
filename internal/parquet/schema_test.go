package parquet

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGoldenSchema pins what a file is made of: changing a line changes the format of files that are locked for years.
func TestGoldenSchema(t *testing.T) {
	data := encode(t, testOptions(), generated(1_000), 1_000, nil)
	r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
	if err != nil {
		t.Fatal(err)
	}
	d := r.Describe()
	var got strings.Builder
	fmt.Fprintf(&got, "created_by %s\nmetadata %v\n", d.CreatedBy, d.Metadata)
	for _, c := range d.Columns {
		fmt.Fprintf(&got, "%s: %s, %s, %s, bloom filter %t\n", c.Name, c.Type, strings.Join(c.Encodings, "+"), c.Compression, c.BloomFilterBytes > 0)
	}
	for _, c := range Schema() {
		fmt.Fprintf(&got, "table %s %s %s nullable=%t partition=%t\n", c.Name, c.HiveType, c.TrinoType, c.Nullable, c.Partition)
	}
	const golden = "testdata/schema.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("schema differs from %s:\n%s", golden, got.String())
	}
}

// TestDocumentedColumns demands that the format's description has each column as it is.
func TestDocumentedColumns(t *testing.T) {
	doc, err := os.ReadFile("../../docs/format/parquet.md")
	if err != nil {
		t.Fatal(err)
	}
	cols := columns()
	for i, c := range Schema() {
		physical := "not in the file"
		if i < len(cols) {
			physical = columnType(cols[i])
		}
		line := fmt.Sprintf("| `%s` | %s | %s | %s |", c.Name, physical, c.HiveType, c.TrinoType)
		if !strings.Contains(string(doc), line) {
			t.Errorf("docs/format/parquet.md lacks %s", line)
		}
	}
}

func TestSchemaRefusals(t *testing.T) {
	cols := columns()
	tests := map[string]struct {
		change func([]column) []column
		want   string
	}{
		"column missing": {func(c []column) []column { return c[:len(c)-1] }, "schema"},
		"renamed":        {func(c []column) []column { c[2].Name = "verb"; return c }, `column 2 is "verb"`},
		"nullability":    {func(c []column) []column { c[9].Nullable = false; return c }, "column reason is required binary"},
		"type":           {func(c []column) []column { c[19].kind = kindTime; return c }, "column seq is required int64 (TIMESTAMP"},
		"order":          {func(c []column) []column { c[4], c[6] = c[6], c[4]; return c }, `column 4 is "resource_type"`},
	}
	rows := generated(10)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			data := encodeWith(t, tt.change(columns()), rows)
			_, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("later optional column", func(t *testing.T) {
		later := append(cols, column{Column: nullable(textColumn("later", "")), text: cols[9].text})
		got, err := decode(encodeWith(t, later, rows), "standard")
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, got, rows)
	})
	t.Run("later required column", func(t *testing.T) {
		later := append(cols, column{Column: textColumn("later", ""), str: cols[0].str})
		if _, err := decode(encodeWith(t, later, rows), "standard"); err == nil {
			t.Error("accepted")
		}
	})
}

// encodeWith writes rows with another schema than ours.
func encodeWith(t *testing.T, cols []column, rows []event.Row) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := newWriter(&buf, testOptions(), cols)
	if err := w.Write(rows...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
