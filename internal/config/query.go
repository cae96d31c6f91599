package config

import (
	"strings"
	"time"
)

// The engines of Query.Engine.
const (
	EngineDuckDB = "duckdb"
	EngineAmazon = "amazon"
	EngineTrino  = "trino"
)

// The values of Query.Isolation.
const (
	IsolationRequired   = "required"
	IsolationBestEffort = "best-effort"
)

// Amazon is the amazon engine: `archiver query --engine amazon` and `archiver schema apply`.
type Amazon struct {
	// Region of Athena and Glue. Empty: that of the bucket.
	Region string `yaml:"region,omitempty"`
	// Endpoint is the URL of Athena. Empty: Amazon's in Region.
	Endpoint string `yaml:"endpoint,omitempty"`
	// CredentialsFile is an AWS shared-credentials file. Empty: the AWS credential
	// chain. That of the bucket is not used unless it is named here too.
	CredentialsFile string `yaml:"credentials_file,omitempty" kind:"path"`
	// Profile within the credentials file.
	Profile string `yaml:"profile,omitempty"`
	// Database that holds the table. Default: audit.
	Database string `yaml:"database"`
	// WorkGroup that queries run in. Default: primary.
	WorkGroup string `yaml:"workgroup"`
	// OutputLocation is s3://bucket/prefix/ for results: never the archive's bucket.
	// Empty: the workgroup says.
	OutputLocation string `yaml:"output_location,omitempty"`
	// Timeout of one query. Default: 30m, which is Athena's own.
	Timeout time.Duration `yaml:"timeout"`
	// PriceCentsPerTB is what Athena charges for 10^12 bytes scanned, in US cents, for
	// the note on cost. 0: none is shown. Default: 500.
	PriceCentsPerTB int `yaml:"price_cents_per_tb"`
}

// Trino is the trino engine: `archiver query --engine trino` and `archiver schema apply`.
type Trino struct {
	// Server is the URL of the coordinator. Empty: there is none.
	Server string `yaml:"server,omitempty"`
	// User that queries run as. Required with Server.
	User string `yaml:"user,omitempty"`
	// PasswordFile holds the user's password. It is sent over https only.
	PasswordFile string `yaml:"password_file,omitempty" kind:"path"`
	// TokenFile holds a bearer token (JWT). It is sent over https only.
	TokenFile string `yaml:"token_file,omitempty" kind:"path"`
	// CAFile adds PEM certificates to the system's.
	CAFile string `yaml:"ca_file,omitempty" kind:"path"`
	// Catalog of the Hive connector. Default: hive.
	Catalog string `yaml:"catalog"`
	// Schema that holds the table. Default: audit.
	Schema string `yaml:"schema"`
	// Timeout of one query. Default: 30m.
	Timeout time.Duration `yaml:"timeout"`
}

func defaultQuery() Query {
	return Query{
		Engine: EngineDuckDB, CacheBytes: 4 * GiB, MaxRows: 1_000_000, Timeout: time.Minute, MemoryBytes: GiB, Concurrency: 2,
		TempBytes: 4 * GiB, ResultBytes: 4 * GiB, Isolation: IsolationRequired,
		Amazon: Amazon{Database: "audit", WorkGroup: "primary", Timeout: 30 * time.Minute, PriceCentsPerTB: 500},
		Trino:  Trino{Catalog: "hive", Schema: "audit", Timeout: 30 * time.Minute},
	}
}

func (c *Config) checkQuery(k *checker) {
	q := c.Query
	oneOf(k, "query.engine", q.Engine, EngineDuckDB, EngineAmazon, EngineTrino)
	between(k, "query.cache_bytes", q.CacheBytes, MiB, 64*TiB)
	between(k, "query.max_rows", q.MaxRows, 1, 1_000_000_000)
	between(k, "query.timeout", q.Timeout, time.Second, 24*time.Hour)
	between(k, "query.memory_bytes", q.MemoryBytes, 64*MiB, TiB)
	between(k, "query.temp_bytes", q.TempBytes, MiB, 64*TiB)
	between(k, "query.result_bytes", q.ResultBytes, MiB, 64*TiB)
	oneOf(k, "query.isolation", q.Isolation, IsolationRequired, IsolationBestEffort)
	between(k, "query.concurrency", q.Concurrency, 1, 1000)
	checkEndpoint(k, "query.amazon.endpoint", q.Amazon.Endpoint)
	between(k, "query.amazon.timeout", q.Amazon.Timeout, time.Second, 24*time.Hour)
	between(k, "query.amazon.price_cents_per_tb", q.Amazon.PriceCentsPerTB, 0, 1_000_000)
	if out := q.Amazon.OutputLocation; out != "" && !strings.HasPrefix(out, "s3://") {
		k.complain("query.amazon.output_location", "%q is not s3://bucket/prefix/", out)
	} else if strings.HasPrefix(out+"/", "s3://"+c.S3.Bucket+"/") && c.S3.Bucket != "" {
		k.complain("query.amazon.output_location", "is in the bucket of the archive, where nothing but the archive belongs")
	}
	between(k, "query.trino.timeout", q.Trino.Timeout, time.Second, 24*time.Hour)
	checkEndpoint(k, "query.trino.server", q.Trino.Server)
	if q.Engine == EngineTrino && q.Trino.Server == "" {
		k.complain("query.trino.server", "must be set for engine trino")
	}
	if q.Trino.Server != "" && q.Trino.User == "" {
		k.complain("query.trino.user", "must be set")
	}
}
