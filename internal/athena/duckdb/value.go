//go:build cgo

package duckdb

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/audit-archiver/archiver/internal/athena"
)

// trinoType translates a type as DESCRIBE prints it.
func trinoType(s string) (string, error) {
	if elem, ok := strings.CutSuffix(s, "[]"); ok {
		inner, err := nestedType(elem)
		return "array(" + inner + ")", err
	}
	if inner, ok := strings.CutPrefix(s, "MAP("); ok {
		return mapType(strings.TrimSuffix(inner, ")"))
	}
	if strings.HasPrefix(s, "DECIMAL(") {
		return strings.ToLower(s), nil
	}
	switch s {
	case "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP", "JSON", "TIMESTAMP WITH TIME ZONE":
		return strings.ToLower(s), nil
	case "FLOAT":
		return "real", nil
	case "HUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT": // sums and counts; checked when read
		return "bigint", nil
	case `"NULL"`, "NULL":
		return "unknown", nil
	}
	return "", fmt.Errorf("values of type %s cannot be returned; cast them", strings.ToLower(s))
}

func nestedType(s string) (string, error) {
	typ, err := trinoType(s)
	if err == nil && typ == "json" {
		return "", fmt.Errorf("json inside of an array or map cannot be returned; use json_format")
	}
	return typ, err
}

func mapType(inner string) (string, error) {
	depth := 0
	for i, c := range inner {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			key, err := nestedType(inner[:i])
			if err != nil {
				return "", err
			}
			value, err := nestedType(strings.TrimSpace(inner[i+1:]))
			return "map(" + key + ", " + value + ")", err
		}
	}
	return "", fmt.Errorf("type map(%s) is not understood", inner)
}

// goValue turns what the driver gives into what the engine contract says.
func goValue(typ string, v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float32, float64, time.Time:
		return v, nil
	case string:
		if typ == "json" {
			return athena.JSON(v), nil
		}
		return v, nil
	case int8:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case uint8:
		return int64(v), nil
	case uint16:
		return int64(v), nil
	case uint32:
		return int64(v), nil
	case uint64:
		if v > math.MaxInt64 {
			return nil, fmt.Errorf("%d is out of range for bigint", v)
		}
		return int64(v), nil
	case *big.Int:
		if !v.IsInt64() {
			return nil, fmt.Errorf("%s is out of range for bigint", v)
		}
		return v.Int64(), nil
	case duck.Decimal:
		return decimal(v), nil
	case []any:
		return listValue(typ, v)
	case duck.OrderedMap:
		return mapValue(v)
	}
	return nil, fmt.Errorf("value of Go type %T is not understood", v)
}

func decimal(d duck.Decimal) athena.Decimal {
	digits := new(big.Int).Abs(d.Value).String()
	scale := int(d.Scale)
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if d.Value.Sign() < 0 {
		digits = "-" + digits
	}
	return athena.Decimal(digits)
}

func listValue(typ string, list []any) (any, error) {
	out := make([]any, len(list))
	for i, v := range list {
		value, err := goValue("", v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", typ, err)
		}
		out[i] = value
	}
	return out, nil
}

func mapValue(m duck.OrderedMap) (any, error) {
	keys, values := m.Keys(), m.Values()
	out := make(athena.Map, len(keys))
	for i := range keys {
		key, err := goValue("", keys[i])
		if err != nil {
			return nil, err
		}
		value, err := goValue("", values[i])
		if err != nil {
			return nil, err
		}
		out[i] = athena.Entry{Key: key, Value: value}
	}
	return out, nil
}
