package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AWS Signature Version 4, the receiving side. It is written out here, in place of
// calling the SDK's signer, because a receiver must hash exactly the headers that
// the client says it signed, and signers differ in which they choose. Tests check
// it against the SDK's.

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	service    = "athena"
	dateFormat = "20060102T150405Z"

	// skewMax is how far a client's clock may be off, as at AWS.
	skewMax = 5 * time.Minute
)

// mustSign are the headers that decide what a request means. Those of them that a
// request has must be signed, and the first three it must have.
var mustSign = []string{"host", "x-amz-date", "x-amz-target", "x-amz-content-sha256", "content-type"}

const musts = 3

// authorization is the header of that name, taken apart.
type authorization struct {
	accessKey, date, region string
	signed                  []string // names of headers, lower case, sorted
	signature               []byte
}

// claimed is a request that says which key it was signed with, and might be right.
type claimed struct {
	authorization
	key Key
}

// claim looks at the headers alone, so that the body of a stranger is not read.
// Which key a request claims is no secret.
func (s *Server) claim(r *http.Request) (c claimed, err error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return c, &fault{kind: "MissingAuthenticationTokenException", message: "The request is not signed: this endpoint takes Signature Version 4 with an access key that was issued here"}
	}
	var ok bool
	if c.authorization, ok = parseAuthorization(header); !ok {
		return c, &fault{kind: "IncompleteSignatureException", message: "Authorization is not " + algorithm + " Credential=…/athena/" + terminator + ", SignedHeaders=…, Signature=…"}
	}
	if r.Header.Get("X-Amz-Security-Token") != "" {
		return c, &fault{kind: "UnrecognizedClientException", message: "The security token included in the request is invalid: keys that are issued here have no session token; unset AWS_SESSION_TOKEN, or use another profile"}
	}
	if c.key, ok = s.keys[c.accessKey]; !ok {
		return c, &fault{kind: "UnrecognizedClientException", message: "The security token included in the request is invalid: no such access key was issued here"}
	}
	if err := s.checkTime(r, c.authorization); err != nil {
		return c, err
	}
	for i, name := range mustSign {
		if (i < musts || r.Header.Get(name) != "") && !slices.Contains(c.signed, name) {
			return c, badSignature("header %s is not signed", name)
		}
	}
	return c, nil
}

// check says whether the claim holds. How much of a signature is right is never
// told, not by time either.
func (c *claimed) check(r *http.Request, body []byte) error {
	sum := sha256.Sum256(body)
	payload := hex.EncodeToString(sum[:])
	if said := r.Header.Get("X-Amz-Content-Sha256"); said != "" && said != payload {
		return badSignature("x-amz-content-sha256 is not the SHA-256 of the body")
	}
	if !hmac.Equal(sign(c.key.Secret, c.authorization, r, payload), c.signature) {
		return badSignature("The request signature we calculated does not match the signature you provided. Check the secret access key")
	}
	return nil
}

func badSignature(format string, args ...any) *fault {
	f := invalid(format, args...)
	f.kind, f.code = "InvalidSignatureException", ""
	return f
}

// checkTime keeps a request that somebody recorded from being sent again later.
func (s *Server) checkTime(r *http.Request, a authorization) error {
	at, err := time.Parse(dateFormat, r.Header.Get("X-Amz-Date"))
	switch off := s.o.Now().Sub(at); {
	case err != nil:
		return &fault{kind: "IncompleteSignatureException", message: "X-Amz-Date is not a time like 20261123T101112Z"}
	case off > skewMax:
		return badSignature("Signature expired: %s is now earlier than %s (%s - 5 min.)", at.Format(dateFormat), s.o.Now().Add(-skewMax).UTC().Format(dateFormat), s.o.Now().UTC().Format(dateFormat))
	case off < -skewMax:
		return badSignature("Signature not yet current: %s is still later than %s (%s + 5 min.)", at.Format(dateFormat), s.o.Now().Add(skewMax).UTC().Format(dateFormat), s.o.Now().UTC().Format(dateFormat))
	case a.date != at.Format("20060102"):
		return badSignature("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s'", at.Format("20060102"))
	}
	return nil
}

func parseAuthorization(header string) (a authorization, ok bool) {
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return a, false
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 || scope[3] != service || scope[4] != terminator {
		return a, false
	}
	a.accessKey, a.date, a.region = scope[0], scope[1], scope[2]
	a.signed = strings.Split(fields["SignedHeaders"], ";")
	signature, err := hex.DecodeString(fields["Signature"])
	if err != nil || len(signature) != sha256.Size || !slices.IsSorted(a.signed) {
		return a, false
	}
	a.signature = signature
	return a, true
}

// sign computes what a holder of secret would have signed r with. The path is /
// and there is no query: receive has checked that.
func sign(secret string, a authorization, r *http.Request, payload string) []byte {
	var b strings.Builder
	b.WriteString(r.Method + "\n/\n\n")
	for _, name := range a.signed {
		b.WriteString(name + ":" + headerText(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(a.signed, ";") + "\n" + payload)
	hash := sha256.Sum256([]byte(b.String()))
	scope := strings.Join([]string{a.date, a.region, service, terminator}, "/")
	text := strings.Join([]string{algorithm, r.Header.Get("X-Amz-Date"), scope, hex.EncodeToString(hash[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{a.date, a.region, service, terminator, text} {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// headerText is a header as it is signed. net/http keeps two of them elsewhere.
func headerText(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}
