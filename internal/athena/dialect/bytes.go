package dialect

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"
)

// typeBytes is used within expressions; answers have no such columns.
const typeBytes = "varbinary"

// binaryFunctions hash and encode: to_hex(sha256(to_utf8(actor_email))).
func binaryFunctions() map[string]signature {
	all := map[string]signature{
		"to_utf8":   sig(typeBytes, "varchar").as("encode"),
		"from_utf8": sig(typeVarchar, typeBytes).by(nativeOf("from_utf8", typeVarchar)),
		"to_hex":    sig(typeVarchar, typeBytes).as("hex"),
		"from_hex":  sig(typeBytes, "varchar").by(nativeOf("from_hex", typeBytes)),
		"to_base64": sig(typeVarchar, typeBytes).as("to_base64"),
	}
	all["from_base64"] = sig(typeBytes, "varchar").by(nativeOf("from_base64", typeBytes))
	for _, name := range []string{"md5", "sha1", "sha256", "sha512"} {
		all[name] = sig(typeBytes, typeBytes).by(nativeOf(name, typeBytes))
	}
	return all
}

func binaryNatives() map[string]Native {
	hash := func(sum func([]byte) []byte) Native {
		return Native{[]string{"BLOB"}, "BLOB", func(args []any) (any, error) { return sum(args[0].([]byte)), nil }}
	}
	decode := func(f func(string) ([]byte, error)) Native {
		return Native{[]string{"VARCHAR"}, "BLOB", func(args []any) (any, error) { return f(args[0].(string)) }}
	}
	return map[string]Native{
		"md5":         hash(func(b []byte) []byte { s := md5.Sum(b); return s[:] }),
		"sha1":        hash(func(b []byte) []byte { s := sha1.Sum(b); return s[:] }),
		"sha256":      hash(func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }),
		"sha512":      hash(func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }),
		"from_hex":    decode(hex.DecodeString),
		"from_base64": decode(fromBase64),
		"from_utf8": {[]string{"BLOB"}, "VARCHAR", func(args []any) (any, error) {
			b := args[0].([]byte)
			if !utf8.Valid(b) {
				return nil, Unsupported("from_utf8 of bytes that are no UTF-8")
			}
			if strings.IndexByte(string(b), 0) >= 0 {
				return nil, Unsupported("from_utf8 of a zero byte")
			}
			return string(b), nil
		}},
	}
}

// fromBase64 takes the padding as Java does: all of it, or none. Line feeds, which Go
// leaves out, are errors.
func fromBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("Illegal base64 character: a line feed")
	}
	if strings.HasSuffix(s, "=") {
		return base64.StdEncoding.DecodeString(s)
	}
	return base64.RawStdEncoding.DecodeString(s)
}
