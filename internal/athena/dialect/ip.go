package dialect

import (
	"errors"
	"net/netip"
	"strconv"
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
		"try_ip": {[]string{"VARCHAR"}, "BLOB", func(args []any) (any, error) {
			a, err := parseIP(args[0].(string))
			if err != nil {
				return nil, nil //nolint:nilerr // as TRY_CAST has it
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
			return samePrefix(network.As16(), [16]byte(args[1].([]byte)), bits), nil
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

// parseCIDR returns the network and its bits among the 128 of a mapped address.
func parseCIDR(s string) (netip.Addr, int, bool) {
	address, length, ok := strings.Cut(s, "/")
	a, err := parseIP(address)
	bits, err2 := strconv.Atoi(length)
	if !ok || err != nil || err2 != nil || bits < 0 || bits > a.BitLen() {
		return netip.Addr{}, 0, false
	}
	if a.Is4() {
		bits += 96
	}
	host := a.As16() // its bits behind the network's must be 0
	for i := bits; i < 128; i++ {
		if host[i/8]&(0x80>>(i%8)) != 0 {
			return netip.Addr{}, 0, false
		}
	}
	return a, bits, true
}

func samePrefix(a, b [16]byte, bits int) bool {
	whole := bits / 8
	if a == b || bits == 0 {
		return true
	}
	if string(a[:whole]) != string(b[:whole]) {
		return false
	}
	rest := bits % 8
	return rest == 0 || (a[whole]^b[whole])>>(8-rest) == 0
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
