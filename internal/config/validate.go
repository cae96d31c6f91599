package config

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

var (
	className   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	tokenName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$`)
	bucketName  = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixName  = regexp.MustCompile(`^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*$`)
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
	envName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	levelRanges = regexp.MustCompile(`^[0-4](-[0-4])?(,[0-4](-[0-4])?)*$`)
	verifierKey = regexp.MustCompile(`^[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$`)
)

// daysMax is what S3 locks for at most, 36,500 days, less the 396 that objects of the ledger
// are locked for longer than the longest class.
const daysMax = 36_500 - 396

const sealBytesLeast = MiB

// batchMost is what a batch may be of the log: S3 takes 5 GiB in one PUT, and a file of
// values that cannot be compressed is a little more than the log has of them.
const batchMost = 4*GiB + 512*MiB

// checker collects problems; lines are added by the one who knows them.
type checker struct{ problems []Problem }

func (k *checker) complain(field, format string, args ...any) {
	k.problems = append(k.problems, Problem{Field: field, Text: fmt.Sprintf(format, args...)})
}

func between[T int | int64 | Size | time.Duration](k *checker, field string, v, low, high T) {
	if v < low || v > high {
		k.complain(field, "%v is not between %v and %v", v, low, high)
	}
}

func oneOf(k *checker, field, v string, allowed ...string) {
	if !slices.Contains(allowed, v) {
		k.complain(field, "%q is none of %s", v, strings.Join(allowed, ", "))
	}
}

// validate checks what holds for every use of a file.
func (c *Config) validate() []Problem {
	k := &checker{}
	if c.Version != 0 {
		k.complain("version", "this program reads version 0, not %d", c.Version)
	}
	if c.DataDir == "" {
		k.complain("data_dir", "must not be empty")
	}
	c.checkListen(k)
	c.checkTokens(k)
	c.checkAthena(k)
	c.checkS3(k)
	if v := c.Archive.RootVKey; v != "" && !verifierKey.MatchString(v) {
		k.complain("archive.root_vkey", "is not a public key; it has the form name+hash+key")
	}
	c.checkKeys(k)
	c.checkRetention(k)
	c.checkBounds(k)
	c.checkMirror(k)
	for i, name := range c.Doctor.Override {
		if !className.MatchString(name) { // as it happens, checks are named like classes
			k.complain(fmt.Sprintf("doctor.override[%d]", i), "%q is not the name of a check: `archiver doctor` prints them", name)
		}
	}
	oneOf(k, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(k, "log.format", c.Log.Format, "text", "json")
	return k.problems
}

// checkListen keeps a server from being open to a network by accident.
func (c *Config) checkListen(k *checker) {
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		k.complain("tls", "cert_file and key_file belong together")
	}
	socket, isSocket := strings.CutPrefix(c.Listen, "unix:")
	if isSocket {
		if socket == "" {
			k.complain("listen", "unix: needs a path")
		}
	} else {
		host, port, err := net.SplitHostPort(c.Listen)
		if err != nil {
			k.complain("listen", "%q is neither host:port nor unix:/path", c.Listen)
			return
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			k.complain("listen", "port %q is not between 0 and 65535", port)
		}
		if loopback(host) {
			return
		}
		if c.TLS.CertFile == "" && c.TLS.KeyFile == "" {
			k.complain("listen", "%s is not loopback: set tls, or listen on a unix socket", c.Listen)
		}
	}
	for _, scope := range []string{ScopeIngest, ScopeQuery} {
		if !slices.ContainsFunc(c.Tokens, func(t Token) bool { return slices.Contains(t.Scopes, scope) }) {
			k.complain("listen", "%s is not loopback: tokens must have one with scope %s", c.Listen, scope)
		}
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func (c *Config) checkTokens(k *checker) {
	byName, byHash := map[string]bool{}, map[string]bool{}
	for i, t := range c.Tokens {
		at := func(name string) string { return fmt.Sprintf("tokens[%d].%s", i, name) }
		if !tokenName.MatchString(t.Name) {
			k.complain(at("name"), "%q is not 1 to 100 letters, digits, dots, underscores, @ or hyphens", t.Name)
		} else if byName[t.Name] {
			k.complain(at("name"), "%q is used twice: it is what tells producers apart", t.Name)
		}
		byName[t.Name] = true
		if len(t.Scopes) == 0 {
			k.complain(at("scopes"), "must have ingest, query or both")
		}
		for j, scope := range t.Scopes {
			oneOf(k, fmt.Sprintf("tokens[%d].scopes[%d]", i, j), scope, ScopeIngest, ScopeQuery)
		}
		if raw, err := hex.DecodeString(t.SHA256); err != nil || len(raw) != 32 {
			k.complain(at("sha256"), "is not a SHA-256 in hex (64 digits)")
		} else if byHash[t.SHA256] {
			k.complain(at("sha256"), "is the hash of an earlier token: a request would have two producers")
		}
		byHash[t.SHA256] = true
		if t.Retention != "" && !className.MatchString(t.Retention) {
			k.complain(at("retention"), "%q is not the name of a retention class", t.Retention)
		}
	}
}

func (c *Config) checkS3(k *checker) {
	checkEndpoint(k, "s3.endpoint", c.S3.Endpoint)
	if c.S3.Region == "" {
		k.complain("s3.region", "must not be empty")
	}
	if c.S3.Bucket == "" {
		k.complain("s3.bucket", "must be set")
	} else if !bucketName.MatchString(c.S3.Bucket) {
		k.complain("s3.bucket", "%q is not the name of a bucket", c.S3.Bucket)
	}
	if !prefixName.MatchString(c.S3.Prefix) || path.Clean(c.S3.Prefix) != c.S3.Prefix || len(c.S3.Prefix) > 200 || strings.HasPrefix(c.S3.Prefix, "..") {
		k.complain("s3.prefix", "%q is not 1 to 200 letters, digits or ._=- in parts separated by single slashes", c.S3.Prefix)
	}
	if v := c.S3.ExpectedBucketOwner; v != "" && !accountID.MatchString(v) {
		k.complain("s3.expected_bucket_owner", "%q is not an account id of 12 digits", v)
	}
}

// checkEndpoint does not repeat the URL: it may hold credentials.
func checkEndpoint(k *checker, field, endpoint string) {
	if endpoint == "" {
		return
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		k.complain(field, "is not an http or https URL")
	case u.User != nil:
		k.complain(field, "must not hold credentials: use credentials_file")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		k.complain(field, "must end after the host and port")
	}
}

// checkKeys keeps a key from being in two places, and the root key from being the
// stream's: then whoever has the server could certify streams.
func (c *Config) checkKeys(k *checker) {
	one := func(section, prefix, file, env, kms string) {
		if given(file, env, kms) > 1 {
			k.complain(section, "%[1]s_file, %[1]s_env and %[1]s_kms are three places for one key: name one", prefix)
		}
		if env != "" && !envName.MatchString(env) {
			k.complain(section+"."+prefix+"_env", "%q is not the name of an environment variable", env)
		}
		if strings.ContainsFunc(kms, unicode.IsSpace) {
			k.complain(section+"."+prefix+"_kms", "%q is not the id or ARN of a key", kms)
		}
	}
	one("archive", "root_key", c.Archive.RootKeyFile, c.Archive.RootKeyEnv, c.Archive.RootKeyKMS)
	one("stream", "key", c.Stream.KeyFile, c.Stream.KeyEnv, c.Stream.KeyKMS)
	const same = "is the root key: a server must not have it"
	switch {
	case c.Stream.KeyKMS != "" && c.Stream.KeyKMS == c.Archive.RootKeyKMS:
		k.complain("stream.key_kms", same)
	case c.Stream.KeyEnv != "" && c.Stream.KeyEnv == c.Archive.RootKeyEnv:
		k.complain("stream.key_env", same)
	case c.Stream.KeyFile != "" && c.Stream.KeyFile == c.Archive.RootKeyFile:
		k.complain("stream.key_file", same)
	}
	checkEndpoint(k, "kms.endpoint", c.KMS.Endpoint)
}

// given counts the values that are set.
func given(values ...string) (n int) {
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}

func (c *Config) checkRetention(k *checker) {
	seen := map[string]bool{}
	for i, class := range c.Retention.Classes {
		at := fmt.Sprintf("retention.classes[%d].", i)
		if !className.MatchString(class.Name) {
			k.complain(at+"name", "%q is not a lower-case letter and up to 31 letters, digits or hyphens", class.Name)
		} else if seen[class.Name] {
			k.complain(at+"name", "%q is there twice", class.Name)
		}
		seen[class.Name] = true
		between(k, at+"days", class.Days, 1, daysMax)
	}
	if len(c.Retention.Classes) > 0 && !seen[c.Retention.Default] {
		k.complain("retention.default", "%q is none of the classes", c.Retention.Default)
	}
}

func (c *Config) checkBounds(k *checker) {
	between(k, "seal.rows", c.Seal.Rows, 1, 10_000_000)
	between(k, "seal.bytes", c.Seal.Bytes, sealBytesLeast, 4*GiB)
	between(k, "seal.age", c.Seal.Age, 100*time.Millisecond, 24*time.Hour)
	between(k, "seal.ahead_most", c.Seal.AheadMost, time.Hour, daysMax*24*time.Hour)
	between(k, "wal.segment_bytes", c.WAL.SegmentBytes, MiB, GiB)
	between(k, "wal.reserve_bytes", c.WAL.ReserveBytes, 0, TiB)
	between(k, "wal.high_water_bytes", c.WAL.HighWaterBytes, 2*c.WAL.SegmentBytes, 64*TiB)
	between(k, "limits.event_bytes", c.Limits.EventBytes, KiB, MiB)
	between(k, "limits.request_bytes", c.Limits.RequestBytes, c.Limits.EventBytes, GiB)
	between(k, "limits.request_events", c.Limits.RequestEvents, 1, 1_000_000)
	between(k, "limits.depth", c.Limits.Depth, 2, 1000)
	between(k, "limits.connections", c.Limits.Connections, 1, 100_000)
	// A batch is sealed behind what makes it full, and each of its files is one PUT.
	if beyond := max(c.WAL.SegmentBytes, c.Limits.RequestBytes); c.Seal.Bytes+beyond > batchMost {
		k.complain("seal.bytes", "%v, and %v more at once (wal.segment_bytes, limits.request_bytes), are more than the %v that fit into one upload for sure", c.Seal.Bytes, beyond, batchMost)
	}
	// A request is one atomic unit: one that can never fit would be refused for ever.
	between(k, "wal.queue_events", c.WAL.QueueEvents, c.Limits.RequestEvents, 10_000_000)
	// Else a large request would push its own first ids out of the window.
	between(k, "wal.retry_ids", c.WAL.RetryIDs, c.Limits.RequestEvents, 1<<26)
	between(k, "wal.retry_age", c.WAL.RetryAge, time.Minute, 7*24*time.Hour)
	if c.WAL.ShipInterval != 0 {
		between(k, "wal.ship_interval", c.WAL.ShipInterval, time.Second, time.Hour)
	}
	between(k, "wal.ship_retention", c.WAL.ShipRetention, time.Hour, 30*24*time.Hour)
	between(k, "archive.ack_timeout", c.Archive.AckTimeout, time.Second, 10*time.Minute)
	between(k, "stream.rotate_before", c.Stream.RotateBefore, 24*time.Hour, 300*24*time.Hour)
	if c.Verify.Every != 0 {
		between(k, "verify.every", c.Verify.Every, time.Minute, 31*24*time.Hour)
	}
	if !levelRanges.MatchString(c.Verify.Levels) {
		k.complain("verify.levels", "%q is not numbers from 0 to 4 and ranges of them, such as 0-2,4", c.Verify.Levels)
	}
	between(k, "heartbeat", c.Heartbeat, time.Minute, 24*time.Hour)
	c.checkQuery(k)
}

// ForServe says what serve, query and every other reader of an archive need
// beyond a valid file. file is the name for the error.
func (c *Config) ForServe(file string) error {
	k := &checker{}
	if c.Archive.RootVKey == "" {
		k.complain("archive.root_vkey", "must be set: `archiver init` prints it")
	}
	return k.err(file)
}

// ForRecover says what recover needs beyond a valid file. rootKey: it signs with the
// root key.
func (c *Config) ForRecover(file string, rootKey bool) error {
	k := &checker{}
	if c.Archive.RootVKey == "" {
		k.complain("archive.root_vkey", "must be set: `archiver init` printed it")
	}
	if rootKey && given(c.Archive.RootKeyFile, c.Archive.RootKeyEnv, c.Archive.RootKeyKMS) == 0 {
		k.complain("archive.root_key_file", "must be set (or root_key_env, root_key_kms): the root key signs a recovery, unless --stream-key is given")
	}
	return k.err(file)
}

// ForInit says what init needs beyond a valid file.
func (c *Config) ForInit(file string) error {
	k := &checker{}
	if given(c.Archive.RootKeyFile, c.Archive.RootKeyEnv, c.Archive.RootKeyKMS) == 0 {
		k.complain("archive.root_key_file", "must be set: init creates the root key there; or root_key_env or root_key_kms, for a key that is there")
	}
	if len(c.Retention.Classes) == 0 {
		k.complain("retention.classes", "must be set: locks cannot be undone, so they have no default")
	}
	if len(c.Retention.Classes) > 0 {
		for i, t := range c.Tokens {
			known := func(class Class) bool { return class.Name == t.Retention }
			if t.Retention != "" && !slices.ContainsFunc(c.Retention.Classes, known) {
				k.complain(fmt.Sprintf("tokens[%d].retention", i), "%q is none of retention.classes", t.Retention)
			}
		}
	}
	return k.err(file)
}

func (k *checker) err(file string) error {
	if len(k.problems) == 0 {
		return nil
	}
	return &Error{File: file, Problems: k.problems}
}
