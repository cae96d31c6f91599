package trino

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

var (
	withPrecision = regexp.MustCompile(`\b(timestamp|time)\((\d+)\)`)
	withBlank     = regexp.MustCompile(`\bdecimal\((\d+), (\d+)\)`)
	withLength    = regexp.MustCompile(`\b(var)?char\(\d+\)`)
	withoutText   = regexp.MustCompile(`\b(varbinary|hyperloglog|p4hyperloglog|tdigest|qdigest|setdigest|kdbtree|bingtile|geometry|sphericalgeography|variant|function)\b`)
)

// columns puts Trino's columns into the engines' contract.
func columns(from []athena.Column) ([]athena.Column, error) {
	cols := make([]athena.Column, len(from))
	for i, c := range from {
		refuse := func(detail string) error {
			return &athena.Error{Kind: athena.ErrRefused, Construct: "column " + c.Name, Detail: "values of type " + c.Type + " cannot be returned; " + detail}
		}
		typ := withLength.ReplaceAllString(c.Type, "varchar")
		for _, m := range withPrecision.FindAllStringSubmatch(typ, -1) {
			if digits, err := strconv.Atoi(m[2]); err != nil || digits > 3 {
				return nil, refuse("milliseconds are the finest: CAST(… AS timestamp(3))")
			}
		}
		typ = withPrecision.ReplaceAllString(typ, "$1")
		typ = withBlank.ReplaceAllString(typ, "decimal($1,$2)")
		if withoutText.MatchString(strings.ToLower(typ)) {
			return nil, refuse("use to_hex, to_base64 or a CAST")
		}
		switch {
		case strings.HasPrefix(typ, "time") && !strings.HasPrefix(typ, "timestamp"), strings.HasPrefix(strings.ToLower(typ), "interval"), typ == "uuid", typ == "ipaddress":
			typ = "varchar" // their text is what was sent
		}
		cols[i] = athena.Column{Name: c.Name, Type: typ}
	}
	return cols, nil
}
