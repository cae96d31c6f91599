package dialect

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A day of a timestamp is what dt says of the whole file, where the file is of that day.
// So a query that groups rows by day, or by something longer, need not read and cut ten
// million timestamps. The translation names both, [DayOf] decides.

// dayOf is the name of a function (timestamp, dt) -> timestamp.
const dayOf = internal + "day"

// DayOf returns the statement that defines it. With it, a day computed of the result is
// that of the timestamp. sure says that the files that are read are each of the day that
// their dt names; then the timestamp itself is not read.
func DayOf(sure bool) (name, statement string) {
	m := make(macros)
	if sure {
		m.add("day(t, d)", "CAST(d AS TIMESTAMP)")
	} else {
		m.add("day(t, d)", "t")
	}
	return dayOf, m[dayOf]
}

// dayUnits are those that a day is all of.
var dayUnits = map[string]bool{"day": true, "week": true, "month": true, "quarter": true, "year": true, "isodow": true, "doy": true, "isoyear": true}

// byDay lets a translated SELECT over nothing but the table group by dt in place of the
// day of timestamp. Not so where it groups by timestamp too, which is read then anyway.
func (t *translator) byDay(n node) {
	table := child(n, "from_table")
	if !isScan(table) || len(list(table, "column_name_alias")) > 0 {
		return
	}
	items := list(n, "select_list")
	for _, item := range items {
		e, _ := item.(map[string]any)
		for _, name := range []string{"timestamp", "dt"} {
			if strings.EqualFold(text(e, "alias"), name) && !isColumn(e, name) { // ORDER BY would mean this one
				return
			}
		}
	}
	d := days{alias: text(table, "alias"), grouped: make(map[string]bool)}
	for _, g := range list(n, "group_expressions") {
		e, _ := g.(map[string]any)
		if i, ok := position(e); ok && i <= len(items) {
			e, _ = items[i-1].(map[string]any)
		}
		for text(e, "class") == "CAST" && text(child(e, "child"), "class") != "COLUMN_REF" { // as settle leaves it
			e = child(e, "child")
		}
		if isColumn(e, "timestamp") {
			return
		}
		if key, _ := d.key(e); key != "" {
			d.grouped[key] = true
		}
	}
	for _, part := range []string{"select_list", "group_expressions", "having", "modifiers"} {
		d.use(n[part])
	}
}

// position is the item of the select list that a number in GROUP BY means, from 1.
func position(n node) (int, bool) {
	num, ok := child(n, "value")["value"].(json.Number)
	if text(n, "class") != "CONSTANT" || !ok {
		return 0, false
	}
	i, err := strconv.Atoi(num.String())
	return i, err == nil && i > 0
}

// days are expressions over the timestamp of the one relation called alias.
type days struct {
	alias   string
	grouped map[string]bool // by key
}

// key says what n computes of the day of the table's timestamp, and where it names
// that; "" when it is nothing of the kind.
func (d *days) key(n node) (key string, column node) {
	switch name := text(n, "function_name"); {
	case text(n, "class") == "CAST" && text(child(n, "cast_type"), "id") == "DATE" && n["try_cast"] != true:
		key, column = "date", child(n, "child")
	case text(n, "class") == "FUNCTION" && (name == "date_trunc" || name == "date_part") && len(children(n)) == 2:
		unit, _ := literal(children(n)[0])
		if dayUnits[unit] {
			key, column = name+" "+unit, children(n)[1]
		}
	}
	names := strings1(column, "column_names")
	if !isColumn(column, "timestamp") || len(names) > 1 && !strings.EqualFold(names[len(names)-2], d.alias) { // of an enclosing query
		return "", nil
	}
	return key, column
}

// use rewrites what is grouped by, at v and below it, but for subqueries.
func (d *days) use(v any) {
	switch v := v.(type) {
	case map[string]any:
		if text(v, "class") == "SUBQUERY" {
			return
		}
		if key, column := d.key(v); d.grouped[key] {
			day := copyOf(column)
			names := list(day, "column_names")
			names[len(names)-1] = "dt"
			become(column, function(dayOf, copyOf(column), day))
			return
		}
		for _, x := range v {
			d.use(x)
		}
	case []any:
		for _, x := range v {
			d.use(x)
		}
	}
}
