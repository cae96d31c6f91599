package wire

import (
	"strings"
	"unicode/utf8"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// Athena answers SHOW and DESCRIBE with one value a row, whatever columns it
// announces: the line that Hive prints.

// lineColumn is the column of such a row.
func lineColumn() []athena.Column { return []athena.Column{{Type: "varchar"}} }

// lineOf is a row of an answer to sub as that line.
func lineOf(sub string, values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i], _ = v.(string)
	}
	switch {
	case sub == dialect.DescribeTable && len(texts) == 3 && texts[1] == "" && texts[2] == "": // a heading
		return texts[0] + "\t \t "
	case sub == dialect.DescribeTable || sub == dialect.ShowColumns:
		for i, text := range texts {
			heading := ""
			if rest, ok := strings.CutPrefix(text, "# "); ok {
				heading, text = "# ", rest
			}
			texts[i] = heading + pad(text)
		}
	}
	return strings.Join(texts, "\t")
}

// pad makes a field as wide as Hive does. Longer ones stay as they are.
func pad(s string) string {
	const width = 20
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
