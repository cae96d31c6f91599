package config

import (
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
