package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// moreJSONFunctions are those that look into a document beyond a path.
func moreJSONFunctions() map[string]signature {
	return map[string]signature{
		"json_array_contains": sig(typeBool, "json or varchar", "any").by(jsonArrayContains),
		"json_size":           sig(typeBigint, "json or varchar", "varchar").by(jsonSize),
		"is_json_scalar":      sig(typeBool, "json or varchar").by(nativeOf("is_json_scalar", typeBool)),
	}
}

func jsonSize(t *translator, c *call) (string, error) {
	c.name = "json_extract"
	if _, err := jsonExtract(t, c); err != nil {
		return "", err
	}
	become(c.n, function(internal+"json_size", castTo(copyOf(c.n), "VARCHAR")))
	return typeBigint, nil
}

func jsonNatives() map[string]Native {
	all := map[string]Native{
		"json_to_varchar": fromText("VARCHAR", jsonToVarchar),
		"json_to_bigint":  fromText("BIGINT", jsonToBigint),
		"json_to_double":  fromText("DOUBLE", jsonToDouble),
		"json_to_boolean": fromText("BOOLEAN", jsonToBoolean),
		"json_elements":   fromText("VARCHAR[]", jsonElements),
		"json_keys":       fromText("VARCHAR[]", func(s string) (any, error) { keys, _, err := jsonEntries(s); return keys, err }),
		"json_values":     fromText("VARCHAR[]", func(s string) (any, error) { _, values, err := jsonEntries(s); return values, err }),
		"json_row": {[]string{"VARCHAR", "VARCHAR"}, "VARCHAR[]", func(args []any) (any, error) {
			return jsonRow(args[0].(string), args[1].(string))
		}},
		"json_size":      fromText("BIGINT", jsonSizeOf),
		"is_json_scalar": fromText("BOOLEAN", isJSONScalar),
		"json_text":      fromText("VARCHAR", func(s string) (any, error) { return javaJSON(s, false) }),
		"json_parse": fromText("VARCHAR", func(s string) (any, error) {
			text, err := javaJSON(s, true)
			if err != nil {
				return nil, cannotCast(s, "JSON")
			}
			if hasHalf(s) {
				return nil, Unsupported(halfPair)
			}
			return text, nil
		}),
	}
	return all
}

func fromText(result string, f func(string) (any, error)) Native {
	return Native{[]string{"VARCHAR"}, result, func(args []any) (any, error) { return f(args[0].(string)) }}
}

// parseJSON reads one whole document: nil, bool, json.Number, string, []any or map[string]any.
func parseJSON(s string) (any, bool) {
	if !json.Valid([]byte(s)) {
		return nil, false
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	return v, dec.Decode(&v) == nil
}

func parseArray(s string) ([]json.RawMessage, bool) {
	var elements []json.RawMessage
	if trimmed := strings.TrimLeft(s, " \t\r\n"); !strings.HasPrefix(trimmed, "[") {
		return nil, false
	}
	if json.Unmarshal([]byte(s), &elements) != nil {
		return nil, false
	}
	for i, e := range elements {
		elements[i] = compact(e)
	}
	return elements, true
}

func compact(raw []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

func cannotCast(s, to string) error { return fmt.Errorf("Cannot cast '%s' to %s", clipped(s), to) }

// clipped is s, or its beginning, for a message.
func clipped(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

func jsonToVarchar(s string) (any, error) {
	v, ok := parseJSON(s)
	switch v := v.(type) {
	case nil:
		if ok {
			return nil, nil
		}
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			return nil, Unsupported("CAST to varchar of a JSON number with a fraction, whose text differs between engines (use json_extract_scalar),")
		}
		return string(v), nil
	}
	return nil, cannotCast(s, "varchar")
}

func jsonToBigint(s string) (any, error) {
	v, ok := parseJSON(s)
	switch v := v.(type) {
	case nil:
		if ok {
			return nil, nil
		}
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case string:
		if i, err := strconv.ParseInt(v, 10, 64); err == nil {
			return i, nil
		}
	case json.Number:
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return i, nil
		}
		if f, err := v.Float64(); err == nil && strings.ContainsAny(string(v), ".eE") && math.Abs(f) < 1<<63 {
			return int64(math.Round(f)), nil
		}
	}
	return nil, cannotCast(s, "bigint")
}

func jsonToDouble(s string) (any, error) {
	v, ok := parseJSON(s)
	switch v := v.(type) {
	case nil:
		if ok {
			return nil, nil
		}
	case bool:
		if v {
			return 1.0, nil
		}
		return 0.0, nil
	case string:
		if f, err := strconv.ParseFloat(v, 64); err == nil || errors.Is(err, strconv.ErrRange) {
			return f, nil
		}
	case json.Number:
		f, err := v.Float64()
		if err == nil || errors.Is(err, strconv.ErrRange) {
			return f, nil
		}
	}
	return nil, cannotCast(s, "double")
}

func jsonToBoolean(s string) (any, error) {
	v, ok := parseJSON(s)
	switch v := v.(type) {
	case nil:
		if ok {
			return nil, nil
		}
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "true", "t", "1":
			return true, nil
		case "false", "f", "0":
			return false, nil
		}
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f != 0, nil
		}
	}
	return nil, cannotCast(s, "boolean")
}

func jsonElements(s string) (any, error) {
	if strings.TrimSpace(s) == "null" {
		return nil, nil
	}
	elements, ok := parseArray(s)
	if !ok {
		return nil, cannotCast(s, "array")
	}
	out := make([]any, len(elements))
	for i, e := range elements {
		out[i] = string(e)
	}
	return out, nil
}

func jsonEntries(s string) (keys, values any, err error) {
	if strings.TrimSpace(s) == "null" {
		return nil, nil, nil
	}
	dec := json.NewDecoder(strings.NewReader(s))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, nil, cannotCast(s, "map")
	}
	names, texts := []any{}, []any{}
	seen := make(map[json.Token]bool)
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, nil, cannotCast(s, "map")
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, nil, cannotCast(s, "map")
		}
		if seen[name] {
			return nil, nil, errors.New("Duplicate map keys are not allowed")
		}
		seen[name] = true
		names, texts = append(names, name), append(texts, string(compact(raw)))
	}
	return names, texts, nil
}

func jsonSizeOf(s string) (any, error) {
	switch v, _ := parseJSON(s); v := v.(type) {
	case []any:
		return int64(len(v)), nil
	case map[string]any:
		names := 0 // one that is there twice counts twice
		dec := json.NewDecoder(strings.NewReader(s))
		for depth := 0; ; {
			tok, err := dec.Token()
			if err != nil {
				return int64(names / 2), nil //nolint:nilerr // it is the end: the document was read before
			}
			switch tok {
			case json.Delim('{'), json.Delim('['):
				if depth++; depth == 2 {
					names++
				}
			case json.Delim('}'), json.Delim(']'):
				depth--
			default:
				if depth == 1 {
					names++
				}
			}
		}
	}
	return int64(0), nil
}

func isJSONScalar(s string) (any, error) {
	v, ok := parseJSON(s)
	if !ok {
		return nil, errors.New("Invalid JSON value: " + s)
	}
	switch v.(type) {
	case []any, map[string]any:
		return false, nil
	}
	return true, nil
}
