package dialect

import (
	"errors"
	"net/netip"
	"strings"
)

// typeIP is an address: sixteen bytes in DuckDB, IPv4 ones mapped, so that they
// compare as in Trino. Answers show its text.
const typeIP = "ipaddress"

func ipNatives() map[string]Native {
	return map[string]Native{
		"ip": {[]string{"VARCHAR"}, "BLOB", func(args []any) (any, error) {
			a, err := parseIP(args[0].(string))
			if err != nil {
				return nil, errors.New("Cannot cast value to IPADDRESS: " + args[0].(string))
			}
			b := a.As16()
			return b[:], nil
		}},
		"ip_text": {[]string{"BLOB"}, "VARCHAR", func(args []any) (any, error) {
			a, ok := netip.AddrFromSlice(args[0].([]byte))
			if !ok {
				return nil, errors.New("an address has sixteen bytes")
			}
			return a.Unmap().String(), nil
		}},
		"ip_within": {[]string{"VARCHAR", "BLOB"}, "BOOLEAN", func(args []any) (any, error) {
			network, bits, ok := parseCIDR(args[0].(string))
			if !ok {
				return nil, errors.New("Invalid CIDR: " + args[0].(string))
			}
			a, _ := netip.AddrFromSlice(args[1].([]byte))
			if a.Unmap().Is4() != network.Is4() {
				return false, nil
			}
			return netip.PrefixFrom(network, bits).Contains(a.Unmap()), nil
		}},
	}
}

// parseIP reads what Trino's cast does: no zone.
func parseIP(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err == nil && a.Zone() != "" {
		return a, errors.New("it has a zone")
	}
	return a, err
}

func parseCIDR(s string) (netip.Addr, int, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Addr{}, 0, false
	}
	if a := p.Addr(); a.Is4In6() {
		return netip.Addr{}, 0, false
	}
	return p.Addr(), p.Bits(), true
}

// toIP casts a text to an address.
func (t *translator) toIP(n, c node) {
	try := n["try_cast"] == true
	f := function(internal+"ip", c)
	if try {
		f = node{"class": "OPERATOR", "type": "OPERATOR_TRY", "alias": "", "query_location": nowhere, "children": []any{f}}
	}
	become(n, f)
}

// ipWithin is contains('10.0.0.0/8', address).
func ipWithin(t *translator, c *call) (string, error) {
	if c.types[1] != typeIP {
		return "", t.invalid(c.args[1], "contains of a network needs an address: write CAST(x AS ipaddress)")
	}
	if s, ok := literal(c.args[0]); ok {
		if _, _, valid := parseCIDR(s); !valid {
			return "", t.invalid(c.args[0], "'%s' is no network: write '10.0.0.0/8'", strings.ToValidUTF8(s, "?"))
		}
	}
	become(c.n, function(internal+"ip_within", c.args...))
	return typeBool, nil
}
