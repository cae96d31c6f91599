package dialect

import (
	"strings"
	"sync"
)

// Native is a function in Go that the engine gives to DuckDB, for what neither
// DuckDB nor a macro answers as Trino does. Args and Result are DuckDB's types:
// VARCHAR, BIGINT, DOUBLE, BOOLEAN, BLOB, VARCHAR[].
//
// Call gets no NULL: a NULL argument gives NULL without it. It may be called
// from several threads, and what it answers depends on its arguments only.
type Native struct {
	Args   []string
	Result string
	Call   func(args []any) (any, error)
}

// Natives returns the functions by the name that is called. Nobody changes the map.
func Natives() map[string]Native { return natives() }

var natives = sync.OnceValue(allNatives)

func allNatives() map[string]Native {
	all := map[string]Native{
		NumberText: {[]string{"VARCHAR", "VARCHAR"}, "VARCHAR", func(args []any) (any, error) {
			if text, ok := NumberAt(args[0].(string), args[1].(string)); ok {
				return text, nil
			}
			return nil, nil
		}},
	}
	for _, group := range []map[string]Native{numberNatives(), textNatives(), binaryNatives(), urlNatives(), ipNatives(), jsonNatives(), decimalNatives(), castNatives(), documentNatives(), stampNatives()} {
		for name, f := range group {
			all[internal+name] = f
		}
	}
	return all
}

// raise is what a macro ends the query with: something without a type that fails
// when it is reached, and not when a constant is folded. message is an SQL
// expression. DuckDB's own error() cannot stand in TRY, because DuckDB takes it for
// a function whose answers vary. See [Raised].
func raise(message string) string {
	return "list_extract([NULL], CAST('" + raised + "' || " + message + " AS BIGINT))"
}

const raised = internal + "error: "

// Raised returns the message that a macro ended the query with, from DuckDB's error.
func Raised(s string) (message string, ok bool) {
	_, message, ok = strings.Cut(s, "'"+raised)
	if end := strings.LastIndex(message, "' to INT64"); end >= 0 {
		message = message[:end]
	}
	return message, ok
}
