package config

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"
)

var (
	schemaName   = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
	logGroupName = regexp.MustCompile(`^[-./_#A-Za-z0-9]{1,512}$`)
)

// streamPrefixMax leaves room for the UUID of a stream: names have at most 512 characters.
const streamPrefixMax = 512 - 36

// Mirror copies what is committed to other systems. Nothing that happens there
// delays or loses what is archived. What has no address is not mirrored to.
type Mirror struct {
	// Interval is how often the bucket is asked for commits, of other writers above
	// all: serve mirrors its own as they come. Each time the ledger is listed. Default: 30s.
	Interval time.Duration `yaml:"interval"`

	Postgres   Postgres   `yaml:"postgres"`
	CloudWatch CloudWatch `yaml:"cloudwatch,omitempty"`
}

// Postgres is a mirror in a PostgreSQL table. `archiver mirror init` makes it.
type Postgres struct {
	// DSN is a postgres:// URL without a password, of the role that writes. Empty: no
	// such mirror. To another machine it must ask for TLS (sslmode=verify-full).
	DSN string `yaml:"dsn,omitempty"`
	// PasswordFile holds the role's password. It is read at each connection. Empty:
	// PGPASSWORD, a pgpass file, or a certificate or socket that needs none.
	PasswordFile string `yaml:"password_file,omitempty" kind:"path"`
	// Schema of the tables. Default: public.
	Schema string `yaml:"schema"`
	// KeepMonths is how long rows are kept: months that lie wholly before that are
	// dropped from the mirror, never from the archive. 0: for ever, the default.
	KeepMonths int `yaml:"keep_months"`
}

// CloudWatch is a mirror in CloudWatch Logs: see docs/mirror-cloudwatch.md. Only one
// process may feed a log group, because what two send is there twice.
type CloudWatch struct {
	// Region that requests are signed for. Required with LogGroup.
	Region string `yaml:"region,omitempty"`
	// Endpoint is the URL of the service. Empty: Amazon's in Region.
	Endpoint string `yaml:"endpoint,omitempty"`
	// CredentialsFile is an AWS shared-credentials file. Empty: the AWS credential
	// chain. That of the bucket is not used unless it is named here too.
	CredentialsFile string `yaml:"credentials_file,omitempty" kind:"path"`
	// Profile within the credentials file.
	Profile string `yaml:"profile,omitempty"`
	// LogGroup is the name of the log group. Empty: no such mirror.
	LogGroup string `yaml:"log_group,omitempty"`
	// LogStreamPrefix and the id of the archive's stream name a log stream.
	LogStreamPrefix string `yaml:"log_stream_prefix,omitempty"`
	// CreateMissing creates the log group when there is none: its events never expire
	// and are encrypted with a key of Amazon's.
	CreateMissing bool `yaml:"create_missing,omitempty"`
}

func (c *Config) checkMirror(k *checker) {
	between(k, "mirror.interval", c.Mirror.Interval, time.Second, 24*time.Hour)
	p := c.Mirror.Postgres
	if p.DSN != "" {
		if err := CheckPostgresURL(p.DSN); err != nil {
			k.complain("mirror.postgres.dsn", "%s", err)
		}
	} else if p.PasswordFile != "" {
		k.complain("mirror.postgres.password_file", "is of no use without dsn")
	}
	if !schemaName.MatchString(p.Schema) {
		k.complain("mirror.postgres.schema", "%q is not a lower-case letter and up to 62 letters, digits or underscores", p.Schema)
	}
	between(k, "mirror.postgres.keep_months", p.KeepMonths, 0, 1200)
	c.Mirror.CloudWatch.check(k)
}

// check has the alphabets and lengths of CreateLogGroup and CreateLogStream in the
// Amazon CloudWatch Logs API Reference.
func (c *CloudWatch) check(k *checker) {
	checkEndpoint(k, "mirror.cloudwatch.endpoint", c.Endpoint)
	if strings.ContainsAny(c.LogStreamPrefix, ":*") || len(c.LogStreamPrefix) > streamPrefixMax {
		k.complain("mirror.cloudwatch.log_stream_prefix", "%q is more than %d bytes, or has a colon or an asterisk", c.LogStreamPrefix, streamPrefixMax)
	}
	if c.LogGroup == "" {
		return
	}
	if !logGroupName.MatchString(c.LogGroup) || strings.HasPrefix(c.LogGroup, "aws/") {
		k.complain("mirror.cloudwatch.log_group", "%q is not 1 to 512 of A-Z a-z 0-9 - . / _ #, or begins with aws/", c.LogGroup)
	}
	if c.Region == "" {
		k.complain("mirror.cloudwatch.region", "must be set: requests are signed for it")
	}
}

// CheckPostgresURL says why a DSN may not stand in a file or on a command line. The
// error does not repeat it: it may hold a password.
func CheckPostgresURL(dsn string) error {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errors.New("is not a URL that begins with postgres://")
	}
	values, err := url.ParseQuery(u.RawQuery)
	_, inUser := u.User.Password()
	switch {
	case err != nil:
		return errors.New("has a query that is none")
	case inUser, values.Has("password"), values.Has("sslpassword"):
		return errors.New("must not hold a password: use password_file, PGPASSWORD or a pgpass file")
	}
	return nil
}
