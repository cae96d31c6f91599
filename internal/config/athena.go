package config

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
)

// Athena serves the API of Amazon Athena, for clients that speak it. It has an
// address of its own, and TLS as Listen has.
type Athena struct {
	// Listen is host:port. Anything but a loopback address needs TLS. Empty: not
	// served. Default: empty.
	Listen string `yaml:"listen,omitempty"`
	// Keys are the access keys that are let in. They are read at the start.
	Keys []AthenaKey `yaml:"keys,omitempty"`
	// HistoryBytes is what queries of the last 45 days and their answers may take in
	// DataDir; the oldest go first. An answer may have a quarter of it. Default: 1GiB.
	HistoryBytes Size `yaml:"history_bytes,omitempty"`
	// Results puts each answer into a bucket too, for clients that look for it there:
	// older PyAthena and awswrangler. Without it answers are read over the API alone.
	Results AthenaResults `yaml:"results,omitempty"`
}

// AthenaResults is a bucket for answers. They are no evidence: they are not locked, and
// a lifecycle rule of the bucket should let them expire.
type AthenaResults struct {
	// Bucket is never the archive's. Empty: no such bucket.
	Bucket string `yaml:"bucket,omitempty"`
	// Prefix of every key. Default: empty.
	Prefix string `yaml:"prefix,omitempty"`
	// Endpoint is the URL of an S3 service. Empty: that of s3.
	Endpoint string `yaml:"endpoint,omitempty"`
	// Region. Empty: that of s3.
	Region string `yaml:"region,omitempty"`
	// PathStyle puts the bucket into the path instead of the host name. Where s3 has
	// it and Endpoint is empty, it is so here.
	PathStyle bool `yaml:"path_style,omitempty"`
	// CredentialsFile is an AWS shared-credentials file. Empty: the keys of s3.
	CredentialsFile string `yaml:"credentials_file,omitempty" kind:"path"`
	// Profile within the credentials file.
	Profile string `yaml:"profile,omitempty"`
	// CAFile adds PEM certificates to the system's. Empty: that of s3.
	CAFile string `yaml:"ca_file,omitempty" kind:"path"`
}

// ResultsBucket is Athena.Results with what it takes over from S3.
func (c *Config) ResultsBucket() AthenaResults {
	r := c.Athena.Results
	if r.Endpoint == "" {
		r.Endpoint, r.PathStyle = c.S3.Endpoint, r.PathStyle || c.S3.PathStyle
	}
	if r.CredentialsFile == "" && r.Profile == "" {
		r.CredentialsFile, r.Profile = c.S3.CredentialsFile, c.S3.Profile
	}
	r.Region, r.CAFile = cmp.Or(r.Region, c.S3.Region), cmp.Or(r.CAFile, c.S3.CAFile)
	return r
}

// AthenaKey is one client of the Athena API.
type AthenaKey struct {
	// Name is who runs queries with the key: the log and the history have it.
	Name string `yaml:"name"`
	// CredentialsFile is an AWS shared-credentials file with an access key and a secret
	// of your making. The client takes a copy of the same file.
	CredentialsFile string `yaml:"credentials_file" kind:"path"`
	// Profile within the file. Default: default.
	Profile string `yaml:"profile,omitempty"`
	// Role: viewer (runs queries and sees its own), admin (sees and stops everybody's,
	// keeps named queries and prepared statements).
	Role string `yaml:"role"`
}

func (c *Config) checkAthena(k *checker) {
	between(k, "athena.history_bytes", c.Athena.HistoryBytes, 64*MiB, 64*TiB)
	roles := map[string]string{}
	for i, key := range c.Athena.Keys {
		at := func(name string) string { return fmt.Sprintf("athena.keys[%d].%s", i, name) }
		if !tokenName.MatchString(key.Name) {
			k.complain(at("name"), "%q is not 1 to 100 letters, digits, dots, underscores, @ or hyphens", key.Name)
		} else if role, twice := roles[key.Name]; twice && role != key.Role {
			k.complain(at("role"), "%s has role %s in an earlier key", key.Name, role)
		}
		roles[key.Name] = key.Role
		oneOf(k, at("role"), key.Role, "viewer", "admin")
		if key.CredentialsFile == "" {
			k.complain(at("credentials_file"), "must not be empty")
		}
	}
	c.checkResults(k)
	if c.Athena.Listen == "" {
		return
	}
	host, port, err := net.SplitHostPort(c.Athena.Listen)
	if err != nil {
		k.complain("athena.listen", "%q is not host:port", c.Athena.Listen)
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		k.complain("athena.listen", "port %q is not between 0 and 65535", port)
	}
	if len(c.Athena.Keys) == 0 {
		k.complain("athena.listen", "nobody could sign in: athena.keys must have a key")
	}
	if !loopback(host) && (c.TLS.CertFile == "" || c.TLS.KeyFile == "") {
		k.complain("athena.listen", "%s is not loopback: set tls", c.Athena.Listen)
	}
}

func (c *Config) checkResults(k *checker) {
	r := c.Athena.Results
	if r.Bucket == "" {
		if r != (AthenaResults{}) {
			k.complain("athena.results.bucket", "must be set, or leave athena.results out")
		}
		return
	}
	if !bucketName.MatchString(r.Bucket) {
		k.complain("athena.results.bucket", "%q is no name of a bucket", r.Bucket)
	}
	if r.Bucket == c.S3.Bucket {
		k.complain("athena.results.bucket", "is the archive's: results are neither locked nor evidence, and their readers need rights there; name another bucket")
	}
	if r.Prefix != "" && !prefixName.MatchString(r.Prefix) {
		k.complain("athena.results.prefix", "%q is not path/of/letters without slashes at the ends", r.Prefix)
	}
	checkEndpoint(k, "athena.results.endpoint", r.Endpoint)
}
