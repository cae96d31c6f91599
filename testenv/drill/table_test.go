package drill

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const tableFile = "../../docs/drill.md"

// TestTable: docs/drill.md has a row for every drill, which says what the drills
// demand, and no other row.
func TestTable(t *testing.T) {
	raw, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "| ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := rows()
	for i := range max(len(got), len(want)) {
		is, ought := "nothing", "nothing"
		if i < len(got) {
			is = got[i]
		}
		if i < len(want) {
			ought = want[i]
		}
		if is != ought {
			t.Fatalf("%s: row %d is\n%s\nwant\n%s\nall of it:\n%s", tableFile, i+1, is, ought, strings.Join(want, "\n"))
		}
	}
}

// rows is the table.
func rows() []string {
	all := []string{"| what is done | with | level | kind | key | seqs | exit code | `repair` |"}
	row := func(cells ...any) { all = append(all, "| "+join(cells)+" |") }
	row("nothing", "", "", "", "", "", 0, "nothing to do")
	for _, d := range drills {
		name := d.name
		if d.remember {
			name += " ¹"
		}
		if d.embedded {
			name += " ²"
		}
		row(name, d.needs, d.level, d.kind, d.key, d.seqs, 3, d.mends)
	}
	row("take the permission to list away", "the bucket's policy", 2, "INDETERMINATE", "", "", 4, "")
	for _, h := range hostDrills {
		row(h.name, "a copy of the node", "", h.ends, "", "", 0, "nothing to do")
	}
	return all
}

func join(cells []any) string {
	texts := make([]string, len(cells))
	for i, c := range cells {
		if texts[i] = fmt.Sprint(c); texts[i] == "" {
			texts[i] = "–"
		}
	}
	return strings.Join(texts, " | ")
}
