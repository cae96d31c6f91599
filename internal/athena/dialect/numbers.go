package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// moreNumberFunctions are mathematics and bits.
func moreNumberFunctions() map[string]signature {
	all := map[string]signature{
		"sign":        sig("first", "number").by(sign),
		"nan":         sig(typeDouble).by(doubleConst("NaN")),
		"infinity":    sig(typeDouble).by(doubleConst("Infinity")),
		"pi":          sig(typeDouble).by(doubleConst("3.141592653589793")),
		"e":           sig(typeDouble).by(doubleConst("2.718281828459045")),
		"is_nan":      sig(typeBool, "double").as("isnan"),
		"is_finite":   sig(typeBool, "double").as("isfinite"),
		"is_infinite": sig(typeBool, "double").as("isinf"),
		"log":         sig(typeDouble, "number", "number").by(ofDouble),
		"atan2":       sig(typeDouble, "number", "number").by(ofDouble),
		"bit_count":   sig(typeBigint, "integer", "integer").by(nativeOf("bit_count", typeBigint)),
		"from_base":   sig(typeBigint, "varchar", "integer").by(nativeOf("from_base", typeBigint)),
		"to_base":     sig(typeVarchar, "integer", "integer").by(nativeOf("to_base", typeVarchar)),
		"bitwise_not": sig(typeBigint, "integer").by(nativeOf("bitwise_not", typeBigint)),
	}
	for _, name := range []string{"and", "or", "xor", "left_shift", "right_shift", "right_shift_arithmetic"} {
		all["bitwise_"+name] = sig(typeBigint, "integer", "integer").by(bitwise)
	}
	// Of DuckDB's functions and Go's, those that agree with Java's in more last digits.
	for _, name := range []string{"sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh"} {
		all[name] = sig(typeDouble, "number").by(ofDouble)
	}
	for _, name := range []string{"degrees", "radians", "tanh"} {
		all[name] = sig(typeDouble, "number").by(nativeOf(name, typeDouble))
	}
	return all
}

// leastInteger reports whether n, a bigint, is -2147483648 with the sign right before the
// digits, where it belongs to the number and makes an integer of it.
func (t *translator) leastInteger(n node) bool {
	value, _ := child(n, "value")["value"].(json.Number)
	return value == "-2147483648" && strings.HasPrefix(strings.TrimLeft(t.written(n), "- \t\r\n"), "2147483648")
}

// nativeOf calls the native function of that name.
func nativeOf(name, returns string) func(*translator, *call) (string, error) {
	f := Natives()[internal+name]
	return func(_ *translator, c *call) (string, error) {
		args := make([]node, len(c.args))
		for i, a := range c.args {
			args[i] = a
			if f.Args[i] != "VARCHAR" && f.Args[i] != "BLOB" {
				args[i] = castTo(a, f.Args[i])
			}
		}
		become(c.n, function(internal+name, args...))
		return returns, nil
	}
}

// ofDouble calls the macro of that name.
func ofDouble(_ *translator, c *call) (string, error) {
	args := make([]node, len(c.args))
	for i, a := range c.args {
		args[i] = castTo(a, "DOUBLE")
	}
	become(c.n, function(internal+c.name, args...))
	return typeDouble, nil
}

func doubleConst(text string) func(*translator, *call) (string, error) {
	return func(_ *translator, c *call) (string, error) {
		become(c.n, castTo(varcharConst(text), "DOUBLE"))
		return typeDouble, nil
	}
}

func sign(t *translator, c *call) (string, error) {
	switch typ := c.types[0]; {
	case isInteger(typ):
		become(c.n, castTo(copyOf(c.n), strings.ToUpper(typ)))
		return typ, nil
	case isDecimal(typ):
		return t.roundDecimal(c)
	}
	become(c.n, function(internal+"sign", castTo(c.args[0], "DOUBLE")))
	if c.types[0] == typeReal {
		wrapCall(c, "FLOAT")
		return typeReal, nil
	}
	return typeDouble, nil
}

// bitwise functions answer bigint for bigints, and the type itself for shorter ones when shifted.
func bitwise(t *translator, c *call) (string, error) {
	if strings.Contains(c.name, "shift") && c.types[0] != typeBigint {
		return "", t.refuse(c.n, c.name+" of "+c.types[0], "cast it to bigint")
	}
	if strings.Contains(c.name, "shift") && c.types[1] == typeBigint {
		return "", t.invalid(c.args[1], "%s shifts by an integer, this is a bigint", c.name)
	}
	return nativeOf(c.name, typeBigint)(t, c)
}

func numberNatives() map[string]Native {
	all := make(map[string]Native)
	double := func(name string, f func(float64) float64) {
		all[name] = Native{[]string{"DOUBLE"}, "DOUBLE", func(args []any) (any, error) { return f(args[0].(float64)), nil }}
	}
	bigints := func(name string, f func(a, b int64) (int64, error)) {
		all[name] = Native{[]string{"BIGINT", "BIGINT"}, "BIGINT", func(args []any) (any, error) {
			v, err := f(args[0].(int64), args[1].(int64))
			return v, err
		}}
	}
	for name, f := range map[string]func(float64) float64{
		"cbrt": math.Cbrt, "tanh": math.Tanh,
		"degrees": func(x float64) float64 { return x * (180 / math.Pi) }, "radians": func(x float64) float64 { return x * (math.Pi / 180) },
		"sign": func(x float64) float64 {
			if x == 0 || math.IsNaN(x) {
				return x
			}
			return math.Copysign(1, x)
		},
	} {
		double(name, f)
	}
	all["fmod"] = Native{[]string{"DOUBLE", "DOUBLE"}, "DOUBLE", func(args []any) (any, error) { return math.Mod(args[0].(float64), args[1].(float64)), nil }}
	bigints("bitwise_and", func(a, b int64) (int64, error) { return a & b, nil })
	bigints("bitwise_or", func(a, b int64) (int64, error) { return a | b, nil })
	bigints("bitwise_xor", func(a, b int64) (int64, error) { return a ^ b, nil })
	bigints("bitwise_left_shift", func(a, b int64) (int64, error) { return int64(uint64(a) << places(b)), nil })
	bigints("bitwise_right_shift", func(a, b int64) (int64, error) { return int64(uint64(a) >> places(b)), nil })
	bigints("bitwise_right_shift_arithmetic", func(a, b int64) (int64, error) { return a >> places(b), nil })
	bigints("bit_count", bitCount)
	all["bitwise_not"] = Native{[]string{"BIGINT"}, "BIGINT", func(args []any) (any, error) { return ^args[0].(int64), nil }}
	all["from_base"] = Native{[]string{"VARCHAR", "BIGINT"}, "BIGINT", func(args []any) (any, error) { return fromBase(args[0].(string), args[1].(int64)) }}
	all["to_base"] = Native{[]string{"BIGINT", "BIGINT"}, "VARCHAR", func(args []any) (any, error) {
		if base := args[1].(int64); base < 2 || base > 36 {
			return nil, errors.New("Radix must be between 2 and 36")
		}
		return strconv.FormatInt(args[0].(int64), int(args[1].(int64))), nil
	}}
	return all
}

// places is how far Trino shifts by n: beyond 63 nothing is left, and less than nothing
// counts as Java counts it, in its last six bits.
func places(n int64) uint64 {
	if n < 0 {
		return uint64(n) & 63
	}
	return uint64(n)
}

func fromBase(s string, base int64) (any, error) {
	if base < 2 || base > 36 {
		return nil, errors.New("Radix must be between 2 and 36")
	}
	v, err := strconv.ParseInt(s, int(base), 64)
	if err != nil || strings.Contains(s, "_") {
		return nil, fmt.Errorf("Not a valid base-%d number: %s", base, s)
	}
	return v, nil
}

// bitCount counts the bits of a as a number of width bits.
func bitCount(a, width int64) (int64, error) {
	if width < 2 || width > 64 {
		return 0, fmt.Errorf("Bits specified in bit_count must be between 2 and 64, got %d", width)
	}
	if width == 64 {
		return int64(bits.OnesCount64(uint64(a))), nil
	}
	if most := int64(1)<<(width-1) - 1; a > most || a < -most-1 {
		return 0, fmt.Errorf("Number must be representable with the bits specified. %d cannot be represented with %d bits", a, width)
	}
	return int64(bits.OnesCount64(uint64(a) & (1<<width - 1))), nil
}
