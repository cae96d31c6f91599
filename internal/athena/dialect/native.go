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
// from several threads, and what it answers depends on its arguments only. Where it
// gives an error that is [Unsupported], the query has none but that, whatever stands
// around the call.
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
		internal + "refuse": {[]string{"VARCHAR", "VARCHAR"}, "BIGINT", func(args []any) (any, error) { return nil, Unsupported(args[0].(string)) }},
	}
	for _, group := range []map[string]Native{numberNatives(), textNatives(), regexpNatives(), binaryNatives(), urlNatives(), ipNatives(), jsonNatives(), jsonArrayNatives(), decimalNatives(), castNatives(), documentNatives(), sqlJSONNatives(), stampNatives(), parseNatives()} {
		for name, f := range group {
			all[internal+name] = f
		}
	}
	return all
}

// Unsupported is an error about a value for which Trino has an answer and we do not. It
// ends the query, also where TRY would make NULL of an error: see [Native].
type Unsupported string

func (e Unsupported) Error() string { return string(e) + " is not supported" }

// refuse is what a macro answers for a value that is Unsupported. message is a text, of
// are all parameters of the macro: DuckDB computes what depends on nothing else than
// constants before it knows whether a row needs it, and then it must compute the macro
// as a whole.
func refuse(message string, of ...string) string {
	for i, parameter := range of {
		of[i] = "CAST(" + parameter + " AS VARCHAR)"
	}
	return "CASE WHEN " + internal + "refuse('" + strings.ReplaceAll(message, "'", "''") + "', concat(" + strings.Join(of, ", ") + ")) IS NULL THEN NULL END"
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
