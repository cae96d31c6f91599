package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// maxPrecision is the most digits that a decimal has.
const maxPrecision = 38

func decimalType(precision, scale int) string {
	return fmt.Sprintf("decimal(%d,%d)", min(precision, maxPrecision), scale)
}

func isDecimal(t string) bool { return strings.HasPrefix(t, "decimal(") }

// digitsOf is the precision and scale that a decimal or whole number has among decimals.
func digitsOf(t string) (precision, scale int, ok bool) {
	switch t {
	case "tinyint":
		return 3, 0, true
	case "smallint":
		return 5, 0, true
	case typeInt:
		return 10, 0, true
	case typeBigint:
		return 19, 0, true
	}
	if !isDecimal(t) {
		return 0, 0, false
	}
	_, err := fmt.Sscanf(t, "decimal(%d,%d)", &precision, &scale)
	return precision, scale, err == nil
}

// commonDecimal holds every value of both types, as long as there are digits.
func commonDecimal(a, b string) string {
	pa, sa, _ := digitsOf(a)
	pb, sb, _ := digitsOf(b)
	scale := max(sa, sb)
	return decimalType(max(pa-sa, pb-sb)+scale, scale)
}

// castDecimal makes n a decimal of type typ.
func castDecimal(n node, typ string) node {
	precision, scale, _ := digitsOf(typ)
	cast := castTo(n, "DECIMAL")
	cast["cast_type"] = node{"id": "DECIMAL", "type_info": node{
		"type": "DECIMAL_TYPE_INFO", "alias": "", "extension_info": nil,
		"width": json.Number(strconv.Itoa(precision)), "scale": json.Number(strconv.Itoa(scale)),
	}}
	return cast
}

// decimalLiteral gives 0.05 the type that Trino does: zeros before the point do not count.
func decimalLiteral(n node) (string, error) {
	v := child(n, "value")
	info := child(child(v, "type"), "type_info")
	width, err1 := strconv.Atoi(fmt.Sprint(info["width"]))
	scale, err2 := strconv.Atoi(fmt.Sprint(info["scale"]))
	digits, ok := unscaled(v["value"])
	if err1 != nil || err2 != nil || !ok {
		return "", fmt.Errorf("check syntax tree: decimal constant %v is not understood", v)
	}
	whole := len(digits) - scale
	if whole < 0 || digits == "0" {
		whole = 0
	}
	typ := decimalType(max(whole+scale, 1), scale)
	if typ != decimalType(width, scale) {
		become(n, castDecimal(copyOf(n), typ))
	}
	return typ, nil
}

// unscaled are the digits of a constant, which has two halves when it is long.
func unscaled(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return strings.TrimPrefix(v.String(), "-"), true
	case map[string]any:
		upper, ok1 := new(big.Int).SetString(fmt.Sprint(v["upper"]), 10)
		lower, ok2 := new(big.Int).SetString(fmt.Sprint(v["lower"]), 10)
		if !ok1 || !ok2 {
			return "", false
		}
		sum := upper.Add(upper.Lsh(upper, 64), lower)
		return sum.Abs(sum).String(), true
	}
	return "", false
}

// decimalSum is a + b or a - b.
func (t *translator) decimalSum(n node, types []string) (string, error) {
	pa, sa, _ := digitsOf(types[0])
	pb, sb, _ := digitsOf(types[1])
	scale := max(sa, sb)
	typ := decimalType(max(pa-sa, pb-sb)+scale+1, scale)
	become(n, castDecimal(copyOf(n), typ))
	return typ, nil
}

// decimalProduct is a * b, a / b or a % b.
func (t *translator) decimalProduct(n node, name string, args []node, types []string) (string, error) {
	pa, sa, _ := digitsOf(types[0])
	pb, sb, _ := digitsOf(types[1])
	switch name {
	case "*":
		if sa+sb > maxPrecision {
			return "", t.invalid(n, "the product of %s and %s has more than 38 digits behind the point", types[0], types[1])
		}
		typ := decimalType(pa+pb, sa+sb)
		become(n, castDecimal(copyOf(n), typ))
		return typ, nil
	case "/":
		scale := max(sa, sb)
		typ := decimalType(pa+sb+max(0, sb-sa), scale)
		become(n, quotient(args[0], args[1], scale, typ))
		return typ, nil
	}
	scale := max(sa, sb)
	typ := decimalType(min(pb-sb, pa-sa)+scale, scale)
	become(n, castDecimal(function(internal+"decimal_mod", castTo(args[0], "VARCHAR"), castTo(args[1], "VARCHAR")), typ))
	return typ, nil
}

// quotient divides two decimals or whole numbers; half of the last digit is rounded away from zero.
func quotient(a, b node, scale int, typ string) node {
	return castDecimal(function(internal+"decimal_div", castTo(a, "VARCHAR"), castTo(b, "VARCHAR"), castTo(intConst(scale), "BIGINT")), typ)
}

// roundDecimal is ceil, floor, round, truncate and sign of a decimal.
func (t *translator) roundDecimal(c *call) (string, error) {
	precision, scale, _ := digitsOf(c.types[0])
	if len(c.args) == 2 {
		digits := child(c.args[1], "value")["value"]
		if text(c.args[1], "class") != "CONSTANT" || c.name != "round" || digits == nil {
			return "", t.refuse(c.n, c.name+" of a decimal to digits", "the digits of round must be a literal from 0 up")
		}
		typ := decimalType(precision+1, scale)
		become(c.n, castDecimal(copyOf(c.n), typ))
		return typ, nil
	}
	typ := decimalType(precision-scale+min(scale, 1), 0)
	switch c.name {
	case "truncate":
		typ = decimalType(max(1, precision-scale), 0)
		c.n["function_name"] = "trunc"
	case "sign":
		typ = decimalType(1, 0)
	}
	become(c.n, castDecimal(copyOf(c.n), typ))
	return typ, nil
}

// exactDigits are those of whole numbers that doubles have all of.
const exactDigits = 15

// floatOf is a decimal as a double or real, which DuckDB rounds otherwise once its digits
// do not fit into one.
func floatOf(n node, from, to string) node {
	precision, _, _ := digitsOf(from)
	if precision <= exactDigits && to == typeDouble {
		return castTo(n, "DOUBLE")
	}
	bits := map[string]int{typeDouble: 64, typeReal: 32}[to]
	return function(internal+"decimal_float", castTo(n, "VARCHAR"), castTo(intConst(precision), "BIGINT"), castTo(intConst(bits), "BIGINT"))
}

// toFloat is a number as a double or real.
func toFloat(n node, from, to string) node {
	if isDecimal(from) {
		n = floatOf(n, from, to)
	}
	return castTo(n, map[string]string{typeDouble: "DOUBLE", typeReal: "FLOAT"}[to])
}

// floatOperands makes doubles of the decimals that stand beside one in n.
func floatOperands(parts []node, types []string) {
	for i, typ := range types {
		if isDecimal(typ) && slices.Contains(types, typeDouble) {
			become(parts[i], floatOf(copyOf(parts[i]), typ, typeDouble))
		}
	}
}

// shortDecimal is the most digits of a decimal that Trino holds as a bigint.
const shortDecimal = 18

// decimalFloat divides short decimals as Trino does, a rounded number by a power of ten.
// The answer is a real's value where bits are 32.
func decimalFloat(s string, precision, bits int64) (any, error) {
	if precision > shortDecimal {
		return textToFloat(s, int(bits))
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return nil, err
	}
	if bits == 32 {
		return float64(float32(digits) / float32(math.Pow10(len(fraction)))), nil
	}
	return float64(digits) / math.Pow10(len(fraction)), nil
}

func decimalNatives() map[string]Native {
	return map[string]Native{
		"decimal_float": {[]string{"VARCHAR", "BIGINT", "BIGINT"}, "DOUBLE", func(args []any) (any, error) {
			return decimalFloat(args[0].(string), args[1].(int64), args[2].(int64))
		}},
		"decimal_div": {[]string{"VARCHAR", "VARCHAR", "BIGINT"}, "VARCHAR", func(args []any) (any, error) {
			a, b, err := twoDecimals(args)
			if err != nil {
				return nil, err
			}
			return a.Quo(a, b).FloatString(int(args[2].(int64))), nil
		}},
		"decimal_mod": {[]string{"VARCHAR", "VARCHAR"}, "VARCHAR", func(args []any) (any, error) {
			a, b, err := twoDecimals(args)
			if err != nil {
				return nil, err
			}
			ratio := new(big.Rat).Quo(a, b)
			whole := new(big.Int).Quo(ratio.Num(), ratio.Denom()) // towards zero
			rest := a.Sub(a, b.Mul(b, new(big.Rat).SetInt(whole)))
			return rest.FloatString(maxPrecision), nil
		}},
	}
}

func twoDecimals(args []any) (a, b *big.Rat, err error) {
	a, ok1 := new(big.Rat).SetString(args[0].(string))
	b, ok2 := new(big.Rat).SetString(args[1].(string))
	if !ok1 || !ok2 {
		return nil, nil, fmt.Errorf("%v or %v is no decimal", args[0], args[1])
	}
	if b.Sign() == 0 {
		return nil, nil, errors.New("Division by zero")
	}
	return a, b, nil
}
