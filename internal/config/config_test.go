package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const minimal = "s3: {bucket: audit}\n"

func parse(t *testing.T, text string, env map[string]string) (Config, error) {
	t.Helper()
	return Parse([]byte(text), "/etc/archiver", func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	})
}

func TestMinimalFileIsTheDefaults(t *testing.T) {
	got, err := parse(t, minimal, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.S3.Bucket = "audit"
	want.DataDir = "/etc/archiver/data"
	want.Stream = Stream{KeyFile: "/etc/archiver/data/stream.key", OpenFile: "/etc/archiver/data/stream.open",
		NextDir: "/etc/archiver/data/next", RotateBefore: 720 * time.Hour}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The example is the reference that people copy from: it has to be valid, to
// show every key, and to show the real defaults.
func TestExampleShowsEveryKeyAndTheDefaults(t *testing.T) {
	data, err := os.ReadFile("../../docs/archiver.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	d := decoder{dir: "/x", lookup: os.LookupEnv, lines: map[string]int{}, broken: map[string]bool{}}
	d.decode(data, &c)
	for _, p := range append(d.problems, c.validate()...) {
		t.Error(p)
	}
	checkKeys(t, reflect.TypeFor[Config](), "", d.lines)

	def := Default()
	// Where an engine is has no default.
	am, tr := &c.Query.Amazon, &c.Query.Trino
	am.Region, am.Endpoint, am.CredentialsFile, am.Profile, am.OutputLocation = "", "", "", "", ""
	tr.Server, tr.User, tr.PasswordFile, tr.TokenFile, tr.CAFile = "", "", "", "", ""
	for name, pair := range map[string][2]any{
		"seal": {c.Seal, def.Seal}, "wal": {c.WAL, def.WAL}, "limits": {c.Limits, def.Limits},
		"heartbeat": {c.Heartbeat, def.Heartbeat}, "data_dir": {c.DataDir, "/x/data"}, "archive.ack_timeout": {c.Archive.AckTimeout, def.Archive.AckTimeout}, "archive.start_offline": {c.Archive.StartOffline, def.Archive.StartOffline}, "stream.rotate_before": {c.Stream.RotateBefore, def.Stream.RotateBefore}, "verify": {c.Verify, def.Verify}, "query": {c.Query, def.Query}, "athena.history_bytes": {c.Athena.HistoryBytes, def.Athena.HistoryBytes}, "log": {c.Log, def.Log},
		"s3.region": {c.S3.Region, def.S3.Region}, "s3.prefix": {c.S3.Prefix, def.S3.Prefix},
		"retention.default": {c.Retention.Default, def.Retention.Default},
		"mirror.interval":   {c.Mirror.Interval, def.Mirror.Interval}, "mirror.postgres.schema": {c.Mirror.Postgres.Schema, def.Mirror.Postgres.Schema},
		"mirror.postgres.keep_months": {c.Mirror.Postgres.KeepMonths, def.Mirror.Postgres.KeepMonths},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: the example says %v, the default is %v", name, pair[0], pair[1])
		}
	}
}

func checkKeys(t *testing.T, typ reflect.Type, field string, lines map[string]int) {
	t.Helper()
	for i := range typ.NumField() {
		sf := typ.Field(i)
		path := join(field, keyOf(sf))
		if _, ok := lines[path]; !ok {
			t.Errorf("the example does not show %s", path)
		}
		switch {
		case sf.Type.Kind() == reflect.Struct:
			checkKeys(t, sf.Type, path, lines)
		case sf.Type.Kind() == reflect.Slice && sf.Type.Elem().Kind() == reflect.Struct:
			checkKeys(t, sf.Type.Elem(), path+"[0]", lines)
		}
	}
}

func TestValues(t *testing.T) {
	hash := strings.Repeat("1234567890", 6) + "1234" // all digits: as a number it would be rounded
	text := `
data_dir: /var/lib/archiver
listen: "[::1]:0"
tokens:
  - name: ${WHO}
    scopes: [ingest, query]
    sha256: ` + hash + `
s3:
  bucket: ${BUCKET}-logs
  credentials_file: ../cred
  expected_bucket_owner: 012345678901
  path_style: true
seal: {age: 90s, bytes: 1048576, rows: '${ROWS}'}
wal: {segment_bytes: 8 MiB}
archive:
  # nothing set
`
	c, err := parse(t, text, map[string]string{"WHO": "bill", "BUCKET": "acme", "ROWS": "77"})
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"data_dir", c.DataDir, "/var/lib/archiver"},
		{"key_file", c.Stream.KeyFile, "/var/lib/archiver/stream.key"},
		{"token name", c.Tokens[0].Name, "bill"},
		{"token hash", c.Tokens[0].SHA256, hash},
		{"bucket", c.S3.Bucket, "acme-logs"},
		{"credentials", c.S3.CredentialsFile, "/etc/cred"},
		{"owner keeps its zero", c.S3.ExpectedBucketOwner, "012345678901"},
		{"path style", c.S3.PathStyle, true},
		{"age", c.Seal.Age, 90 * time.Second},
		{"bytes", c.Seal.Bytes, MiB},
		{"rows", c.Seal.Rows, 77},
		{"segment", c.WAL.SegmentBytes, 8 * MiB},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %v, want %v", check.name, check.got, check.want)
		}
	}
}

// Each case names the problems that must be there, all of them, and no others.
func TestProblems(t *testing.T) {
	const token = "\ntokens:\n- {name: a, scopes: [ingest, query], sha256: " +
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n"
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"everything at once": {
			"version: 7\nlistn: x\ns3:\n  bucket: A_B\n  bucket: b\nseal: {rows: many, age: 15}\nheartbeat: 5s\nlog:\n  level: ${NO}\n",
			[]string{
				"line 1: version: this program reads version 0",
				"line 2: listn: unknown key; known here: version, data_dir",
				"line 4: s3.bucket: \"A_B\" is not the name",
				"line 5: s3.bucket: is here a second time; the first is in line 4",
				"line 6: seal.rows: \"many\" is not a whole number",
				"line 6: seal.age: \"15\" is not a duration",
				"line 7: heartbeat: 5s is not between 1m0s and 24h0m0s",
				"line 9: log.level: environment variable NO is not set",
			},
		},
		"empty file":          {"", []string{"s3.bucket: must be set"}},
		"section with no key": {"s3:\n", []string{"line 1: s3.bucket: must be set"}},
		"key with no value":   {"s3: {bucket: bbb}\nlisten:\n", []string{"line 2: listen: has no value"}},
		"not YAML":            {"s3: [\n", []string{"not YAML"}},
		"two documents":       {minimal + "---\nversion: 0\n", []string{"a second document"}},
		"list for mapping":    {"s3: [a]\n", []string{"line 1: s3: must be a mapping", "s3.bucket: must be set"}},
		"mapping for list":    {minimal + "tokens: {a: b}\n", []string{"line 2: tokens: must be a list"}},
		"mapping for scalar":  {"s3: {bucket: {a: b}}\n", []string{"s3.bucket: must be a single value"}},
		"anchor":              {"s3: &x {bucket: b}\n", []string{"line 1: s3: anchors", "s3.bucket: must be set"}},
		"bare dollar":         {minimal + "data_dir: a$b\n", []string{"line 2: data_dir: a dollar sign begins"}},
		"unclosed variable":   {minimal + "data_dir: ${b\n", []string{"line 2: data_dir: a dollar sign begins"}},
		"yes is not true":     {"s3: {bucket: bbb, path_style: yes}\n", []string{"s3.path_style: \"yes\" is neither true nor false"}},
		"huge size":           {minimal + "seal: {bytes: 99999999999TiB}\n", []string{"seal.bytes: \"99999999999TiB\" is not a size"}},
		"open to the world": {
			minimal + "listen: :8420\n",
			[]string{"line 2: listen: :8420 is not loopback: set tls", "scope ingest", "scope query"},
		},
		"name instead of address": {
			minimal + "listen: example.com:1" + token,
			[]string{"line 2: listen: example.com:1 is not loopback: set tls"},
		},
		"TLS without tokens": {
			minimal + "listen: 0.0.0.0:1\ntls: {cert_file: c, key_file: k}\n",
			[]string{"scope ingest", "scope query"},
		},
		"half of TLS":            {minimal + "tls: {cert_file: c}\n", []string{"line 2: tls: cert_file and key_file"}},
		"socket without tokens":  {minimal + "listen: unix:a.sock\n", []string{"scope ingest", "scope query"}},
		"bad port":               {minimal + "listen: 127.0.0.1:99999\n", []string{"port \"99999\""}},
		"no port":                {minimal + "listen: 127.0.0.1\n", []string{"neither host:port nor"}},
		"credentials in the URL": {"s3: {bucket: bbb, endpoint: 'http://a:b@c'}\n", []string{"must not hold credentials"}},
		"endpoint with a path":   {"s3: {bucket: bbb, endpoint: 'http://c/d'}\n", []string{"s3.endpoint: must end after"}},
		"prefix climbs":          {"s3: {bucket: bbb, prefix: a/../b}\n", []string{"s3.prefix"}},
		"prefix ends in slash":   {"s3: {bucket: bbb, prefix: a/}\n", []string{"s3.prefix"}},
		"root key":               {minimal + "archive: {root_vkey: PRIVATE+KEY+x+1+y}\n", []string{"archive.root_vkey: is not a public key"}},
		"queue below a request":  {minimal + "wal: {queue_events: 9999}\n", []string{"wal.queue_events: 9999 is not between 10000"}},
		"retry window":           {minimal + "wal: {retry_ids: 9999, retry_age: 1s}\n", []string{"wal.retry_ids: 9999 is not between 10000", "wal.retry_age: 1s is not between 1m"}},
		"a batch in one upload":  {minimal + "seal: {bytes: 4GiB}\nwal: {segment_bytes: 1GiB, high_water_bytes: 8GiB}\n", []string{"seal.bytes: 4GiB, and 1GiB more at once (wal.segment_bytes, limits.request_bytes), are more than the 4608MiB that fit"}},
		"high water":             {minimal + "wal: {high_water_bytes: 64MiB}\n", []string{"wal.high_water_bytes: 64MiB is not between 128MiB"}},
		"tokens": {
			minimal + "tokens:\n- {name: a, scopes: [admin], sha256: abc}\n- {name: a, scopes: [], sha256: abc, retention: X}\n",
			[]string{
				"line 3: tokens[0].scopes[0]: \"admin\" is none of", "line 3: tokens[0].sha256",
				"line 4: tokens[1].name: \"a\" is used twice", "line 4: tokens[1].scopes", "line 4: tokens[1].sha256",
				"line 4: tokens[1].retention",
			},
		},
		"one hash, two names": {
			minimal + token + strings.ReplaceAll(token[len("\ntokens:\n"):], "name: a", "name: b"),
			[]string{"tokens[1].sha256: is the hash of an earlier token"},
		},
		"athena without keys": {
			minimal + "athena: {listen: '127.0.0.1:x', history_bytes: 1MiB}\n",
			[]string{"line 2: athena.listen: port \"x\"", "athena.listen: nobody could sign in", "athena.history_bytes: 1MiB is not between"},
		},
		"results in the archive": {
			minimal + "athena: {results: {bucket: audit, prefix: '/x', endpoint: ftp://x}}\n",
			[]string{"athena.results.bucket: is the archive's", "athena.results.prefix: \"/x\"", "athena.results.endpoint"},
		},
		"results nowhere": {
			minimal + "athena: {results: {prefix: x}}\n",
			[]string{"athena.results.bucket: must be set, or leave athena.results out"},
		},
		"athena open to the world": {
			minimal + "athena:\n  listen: 0.0.0.0:8422\n  keys:\n  - {name: a, credentials_file: f, role: root}\n  - {name: a, role: viewer}\n  - {name: ' ', credentials_file: f, role: admin}\n",
			[]string{
				"line 3: athena.listen: 0.0.0.0:8422 is not loopback: set tls", "line 5: athena.keys[0].role: \"root\" is none of",
				"line 6: athena.keys[1].role: a has role root in an earlier key", "line 6: athena.keys[1].credentials_file: must not be empty",
				"line 7: athena.keys[2].name",
			},
		},
		"mirror": {
			minimal + "mirror: {interval: 0s, postgres: {password_file: x, schema: A, keep_months: -1}}\n",
			[]string{"mirror.interval: 0s is not", "password_file: is of no use", "schema: \"A\" is not", "keep_months: -1 is not"},
		},
		"mirror with a password": {
			minimal + "mirror: {postgres: {dsn: 'postgres://a:secret@h/d'}}\n", []string{"mirror.postgres.dsn: must not hold a password"},
		},
		"mirror with a password in the query": {
			minimal + "mirror: {postgres: {dsn: 'postgresql://h/d?user=a&password=secret'}}\n", []string{"mirror.postgres.dsn: must not hold a password"},
		},
		"mirror in CloudWatch Logs": {
			minimal + "mirror:\n  cloudwatch:\n    log_group: a b\n    log_stream_prefix: 'a:b'\n    endpoint: http://a:secret@h\n    loggroup: x\n",
			[]string{
				"line 3: mirror.cloudwatch.region: must be set", "line 4: mirror.cloudwatch.log_group: \"a b\" is not", "line 5: mirror.cloudwatch.log_stream_prefix",
				"line 6: mirror.cloudwatch.endpoint: must not hold credentials", "line 7: mirror.cloudwatch.loggroup: unknown key",
			},
		},
		"mirror in a log group of Amazon's": {
			minimal + "mirror: {cloudwatch: {region: r, log_group: aws/x, log_stream_prefix: " + strings.Repeat("x", 477) + "}}\n",
			[]string{"log_group: \"aws/x\" is not", "is more than 476 bytes"},
		},
		"mirror with keywords": {
			minimal + "mirror: {postgres: {dsn: 'host=h password=secret'}}\n", []string{"mirror.postgres.dsn: is not a URL"},
		},
		"retention": {
			minimal + "retention: {classes: [{name: Std, days: 0}, {name: a, days: 1}, {name: a, days: 36501}]}\n",
			[]string{
				"retention.classes[0].name", "retention.classes[0].days: 0 is not", "retention.classes[2].name: \"a\" is there twice",
				"retention.classes[2].days: 36501", "retention.default: \"standard\" is none",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, tt.text, nil)
			var bad *Error
			if !errors.As(err, &bad) {
				t.Fatalf("got error %v, want problems %q", err, tt.want)
			}
			got := bad.Error()
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in:\n%s", want, got)
				}
			}
			if strings.Contains(got, "secret") {
				t.Errorf("it repeats a secret:\n%s", got)
			}
			if len(bad.Problems) != len(tt.want) {
				t.Errorf("%d problems, want %d:\n%s", len(bad.Problems), len(tt.want), got)
			}
		})
	}
}

func TestExpandedValueIsOnlyAValue(t *testing.T) {
	c, err := parse(t, minimal+"data_dir: /a/${X}/$$HOME\n", map[string]string{"X": "b\nlisten: 0.0.0.0:1 ${Y}"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "/a/b\nlisten: 0.0.0.0:1 ${Y}/$HOME"; c.DataDir != want || c.Listen != Default().Listen {
		t.Errorf("data_dir %q, listen %q; want %q and the default", c.DataDir, c.Listen, want)
	}
}

func TestHashIsLowerCase(t *testing.T) {
	c, err := parse(t, minimal+"tokens: [{name: a, scopes: [ingest], sha256: "+strings.Repeat("AB", 32)+"}]\n", nil)
	if err != nil || c.Tokens[0].SHA256 != strings.Repeat("ab", 32) {
		t.Errorf("%+v, %v", c.Tokens, err)
	}
}

// TestCloudWatchIsOff while no log group is named, whatever else is set.
func TestCloudWatchIsOff(t *testing.T) {
	c, err := parse(t, minimal+"mirror: {cloudwatch: {credentials_file: c, log_stream_prefix: a/}}\n", nil)
	if err != nil || c.Mirror.CloudWatch.LogGroup != "" || c.Mirror.CloudWatch.CredentialsFile != "/etc/archiver/c" {
		t.Errorf("%+v, %v", c.Mirror.CloudWatch, err)
	}
}

func TestListenAllowed(t *testing.T) {
	token := "tokens: [{name: a, scopes: [ingest, query], sha256: " + strings.Repeat("a", 64) + "}]\n"
	for _, text := range []string{
		"listen: localhost:0\n", "listen: 127.9.9.9:80\n", "listen: '[::ffff:127.0.0.1]:80'\n",
		"listen: unix:run/a.sock\n" + token,
		"listen: :8420\ntls: {cert_file: c, key_file: k}\n" + token,
	} {
		if _, err := parse(t, minimal+text, nil); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMarshalIsReadBackTheSame(t *testing.T) {
	in, err := parse(t, minimal+"data_dir: /a/$${b}'\"#\n"+
		"retention: {classes: [{name: standard, days: 1}]}\n"+
		"tokens: [{name: a, scopes: [ingest], sha256: "+strings.Repeat("12", 32)+"}]\n"+
		"mirror: {interval: 5s, postgres: {dsn: 'postgres://a@h/d?sslmode=require', password_file: pw, keep_months: 3},\n"+
		"  cloudwatch: {region: eu-central-1, endpoint: 'http://h:1', credentials_file: c, profile: p, log_group: /a/b, log_stream_prefix: a/, create_missing: true}}\n"+
		"seal: {age: 5s, bytes: 1048577}\narchive: {start_offline: true}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "archiver.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := Load(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if !reflect.DeepEqual(in, out) {
		t.Errorf("in  %+v\nout %+v\n%s", in, out, data)
	}
	if !strings.Contains(string(data), "segment_bytes: 64MiB") || !strings.Contains(string(data), "age: 5s") {
		t.Errorf("sizes or durations are not readable:\n%s", data)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "absent.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	file := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(file, []byte("a: b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "configuration "+file) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(file, make([]byte, fileBytesMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("huge file: %v", err)
	}
}

func TestNeeds(t *testing.T) {
	c, err := parse(t, minimal+"tokens: [{name: a, scopes: [ingest], retention: gone, sha256: "+strings.Repeat("a", 64)+"}]\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ForServe("f"); err == nil || !strings.Contains(err.Error(), "archive.root_vkey") {
		t.Errorf("serve without a root key: %v", err)
	}
	if err := c.ForInit("f"); err == nil || !strings.Contains(err.Error(), "root_key_file") || !strings.Contains(err.Error(), "no default") {
		t.Errorf("init without key file and classes: %v", err)
	}
	c.Archive.RootVKey, c.Archive.RootKeyFile = "a+12345678+x", "/k"
	c.Retention.Classes = []Class{{Name: "standard", Days: 1}}
	if err := c.ForServe("f"); err != nil {
		t.Error(err)
	}
	if err := c.ForInit("f"); err == nil || !strings.Contains(err.Error(), `tokens[0].retention: "gone"`) {
		t.Errorf("init with an unknown class: %v", err)
	}
}
