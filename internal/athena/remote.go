package athena

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Progress is what an engine elsewhere says about a query that it runs.
type Progress struct {
	ID        string // of the query there
	State     string // in its own words: QUEUED, RUNNING, …
	Elapsed   time.Duration
	BytesRead int64
}

// kindOf is what a caller decides on, by the error names of Trino, which Athena
// puts before its messages.
func kindOf(name string) error {
	switch name {
	case "SYNTAX_ERROR":
		return ErrSyntax
	case "NOT_SUPPORTED", "PERMISSION_DENIED", "ACCESS_DENIED":
		return ErrRefused
	case "TYPE_MISMATCH", "TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "CATALOG_NOT_FOUND", "COLUMN_NOT_FOUND", "FUNCTION_NOT_FOUND", "AMBIGUOUS_NAME",
		"EXPRESSION_NOT_AGGREGATE", "EXPRESSION_NOT_SCALAR", "INVALID_PARAMETER_USAGE", "MISSING_SCHEMA_NAME", "MISSING_CATALOG_NAME", "DUPLICATE_COLUMN_NAME",
		"COLUMN_TYPE_UNKNOWN", "MISMATCHED_COLUMN_ALIASES", "INVALID_LITERAL", "TYPE_NOT_FOUND", "INVALID_COLUMN_REFERENCE", "MISSING_GROUP_BY", "MISSING_ORDER_BY":
		return ErrInvalid
	case "EXCEEDED_TIME_LIMIT":
		return ErrTimeout
	case "QUERY_QUEUE_FULL":
		return ErrBusy
	}
	if strings.HasPrefix(name, "EXCEEDED_") || name == "QUERY_TEXT_TOO_LARGE" || name == "CLUSTER_OUT_OF_MEMORY" {
		return ErrTooBig
	}
	return ErrExecution
}

var (
	errorName  = regexp.MustCompile(`^([A-Z][A-Z_]+): `)
	errorPlace = regexp.MustCompile(`^line ([0-9]+):([0-9]+): `)
	// noSQL is how Trino's parser begins to complain; Athena calls names that it does
	// not find SYNTAX_ERROR as well.
	noSQL = regexp.MustCompile(`^(mismatched input|extraneous input|no viable alternative|missing |token recognition|Only one sql statement)`)
)

// RemoteError is a user's mistake that Trino or Athena reports. name may be empty
// when the message begins with it: "TYPE_MISMATCH: line 1:8: …".
func RemoteError(name, message string) *Error {
	if m := errorName.FindStringSubmatch(message); name == "" && m != nil {
		name, message = m[1], message[len(m[0]):]
	}
	e := &Error{Kind: kindOf(name), Detail: message}
	if m := errorPlace.FindStringSubmatch(message); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Column, _ = strconv.Atoi(m[2])
		e.Detail = message[len(m[0]):]
	}
	switch {
	case noSQL.MatchString(e.Detail):
		e.Kind = ErrSyntax
	case e.Kind == ErrSyntax && name != "":
		e.Kind = ErrInvalid
	}
	return e
}

// ParseText is the value of Trino type typ that Athena or Trino writes as s: of
// the types with a text of one meaning, which excludes array, map and row.
func ParseText(typ, s string) (any, error) { return parseText(typ, s) }

// ParseJSON is the value of Trino type typ that Trino's protocol, or AppendJSON,
// writes as raw.
func ParseJSON(typ string, raw []byte) (any, error) { return parseValue(typ, raw) }

// parseInstant reads a timestamp: with a zone behind it, or in UTC.
func parseInstant(s string) (time.Time, error) {
	const clock = len("2006-01-02 15:04:05")
	const layout = "2006-01-02 15:04:05" // takes any fraction
	zone := ""
	if i := strings.LastIndexByte(s, ' '); i >= clock {
		s, zone = s[:i], s[i+1:]
	}
	switch {
	case zone == "" || zone == "UTC" || zone == "Z":
		return time.Parse(layout, s)
	case zone[0] == '+' || zone[0] == '-':
		return time.Parse(layout+" -07:00", s+" "+zone)
	}
	place, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, err
	}
	return time.ParseInLocation(layout, s, place)
}
