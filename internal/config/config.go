// Package config reads the configuration file: strict decoding, ${ENV} expansion, and validation of everything at once.
//
// The promise: a [Config] that [Load] returned has no unknown or repeated key,
// no value out of its bounds, and only absolute paths; everything that is wrong
// with a file is in one [Error], each problem with its line. Nothing is read
// but the file itself: that keys, certificates and buckets exist is for those
// who use them to say.
package config

import "time"

// Config is the whole file. Its comments are the manual.
type Config struct {
	// Version of this file's format. Only 0 exists.
	Version int `yaml:"version"`

	// DataDir holds the WAL, the spool, the journal, keys and the query cache.
	// It must be on a local disk: fsync over a network file system does not mean
	// what it has to mean here. This path, like every path in the file, is
	// relative to the folder of the file. Default: ./data.
	DataDir string `yaml:"data_dir" kind:"path"`

	// Listen is where HTTP is served: host:port, or unix:/path for a socket.
	// Anything but a loopback address needs tokens, and TLS unless it is a
	// socket. Default: 127.0.0.1:8420.
	Listen string `yaml:"listen"`

	TLS       TLS       `yaml:"tls,omitempty"`
	Tokens    []Token   `yaml:"tokens,omitempty"`
	S3        S3        `yaml:"s3"`
	Archive   Archive   `yaml:"archive"`
	Retention Retention `yaml:"retention,omitempty"`
	Stream    Stream    `yaml:"stream"`
	KMS       KMS       `yaml:"kms,omitempty"`
	Seal      Seal      `yaml:"seal"`
	WAL       WAL       `yaml:"wal"`
	Limits    Limits    `yaml:"limits"`

	// Heartbeat is how long a stream may be silent before it commits an empty,
	// signed batch, so that silence is provable. Each is a locked object.
	// Minimum: 1m. Default: 1h.
	Heartbeat time.Duration `yaml:"heartbeat"`

	Doctor Doctor `yaml:"doctor,omitempty"`
	Query  Query  `yaml:"query"`
	Athena Athena `yaml:"athena,omitempty"`
	Verify Verify `yaml:"verify"`
	Mirror Mirror `yaml:"mirror"`
	Log    Log    `yaml:"log"`
}

// TLS names the server's certificate. Both or none.
type TLS struct {
	CertFile string `yaml:"cert_file,omitempty" kind:"path"` // PEM, leaf first
	KeyFile  string `yaml:"key_file,omitempty" kind:"path"`  // PEM
}

// Token is one client that may talk to the server.
type Token struct {
	// Name becomes the producer column of every event that the client sends.
	Name string `yaml:"name"`
	// Scopes: ingest (post events), query (run SQL).
	Scopes []string `yaml:"scopes"`
	// SHA256 is the SHA-256 of the bearer token in hex: the file holds no secret.
	// printf %s "$TOKEN" | sha256sum
	SHA256 string `yaml:"sha256"`
	// Retention is the class of every event that the client sends. Empty: the
	// archive's default class.
	Retention string `yaml:"retention,omitempty"`
}

// Scopes of a token.
const (
	ScopeIngest = "ingest"
	ScopeQuery  = "query"
)

// S3 is the bucket of the archive. Credentials never stand in this file.
type S3 struct {
	// Endpoint is the URL of an S3 service. Empty: Amazon S3 in Region.
	Endpoint string `yaml:"endpoint,omitempty"`
	// Region. Default: us-east-1.
	Region string `yaml:"region"`
	// Bucket must have Object Lock. `archiver init` creates it.
	Bucket string `yaml:"bucket"`
	// Prefix of every key of the archive. Default: audit-logs.
	Prefix string `yaml:"prefix"`
	// PathStyle puts the bucket into the path instead of the host name, as most
	// services other than Amazon's want it.
	PathStyle bool `yaml:"path_style,omitempty"`
	// CredentialsFile is an AWS shared-credentials file. Empty: the AWS
	// credential chain (environment, web identity, instance role, …).
	CredentialsFile string `yaml:"credentials_file,omitempty" kind:"path"`
	// Profile within the credentials file.
	Profile string `yaml:"profile,omitempty"`
	// ExpectedBucketOwner is an AWS account id of 12 digits; requests fail when
	// the bucket belongs to another account.
	ExpectedBucketOwner string `yaml:"expected_bucket_owner,omitempty"`
	// CAFile adds PEM certificates to the system's.
	CAFile string `yaml:"ca_file,omitempty" kind:"path"`
}

// Archive says whom to trust.
type Archive struct {
	// RootVKey is the archive's root public key, as `archiver init` printed it.
	// Trust starts here, which is why it is never taken from the bucket.
	RootVKey string `yaml:"root_vkey,omitempty"`
	// RootKeyFile is the root's private key, created by init and needed again
	// only to certify another stream. Keep it away from the servers.
	RootKeyFile string `yaml:"root_key_file,omitempty" kind:"path"`
	// RootKeyEnv is the name of an environment variable that holds the private key,
	// in place of a file. `archiver key new` makes one.
	RootKeyEnv string `yaml:"root_key_env,omitempty"`
	// RootKeyKMS is the id or ARN of a key in AWS KMS (ECC_NIST_P256, SIGN_VERIFY), in
	// place of a file. See KMS.
	RootKeyKMS string `yaml:"root_key_kms,omitempty"`
	// StartOffline acknowledges events before the bucket was reachable once.
	// The price: a cloned data folder is noticed only at the first upload.
	StartOffline bool `yaml:"start_offline,omitempty"`
	// AckTimeout is how long a request with ack=archived waits until its events are
	// in the bucket. Default: 30s.
	AckTimeout time.Duration `yaml:"ack_timeout"`
}

// Retention is read by init only. Later the classes are those of the archive
// object, which cannot change.
type Retention struct {
	Classes []Class `yaml:"classes,omitempty"`
	// Default is the class of events whose token names none. Default: standard.
	Default string `yaml:"default,omitempty"`
}

// Class is a retention class. There is no default for Days: nothing irreversible has one.
type Class struct {
	Name string `yaml:"name"` // [a-z][a-z0-9-]{0,31}
	Days int    `yaml:"days"` // how long its objects are locked, from sealing
}

// Stream is the identity of this server's WAL. The files are those of its first
// stream; later ones lie in streams/ in DataDir.
type Stream struct {
	// KeyFile is the stream's signing key. Default: stream.key in DataDir.
	KeyFile string `yaml:"key_file,omitempty" kind:"path"`
	// KeyEnv is the name of an environment variable that holds the private key, in
	// place of a file.
	KeyEnv string `yaml:"key_env,omitempty"`
	// KeyKMS is the id or ARN of a key in AWS KMS (ECC_NIST_P256, SIGN_VERIFY), in
	// place of a file. One signature per batch, heartbeat and copy of the WAL.
	KeyKMS string `yaml:"key_kms,omitempty"`
	// OpenFile is the root's certificate for it. Default: stream.open in DataDir.
	OpenFile string `yaml:"open_file,omitempty" kind:"path"`
	// NextDir is where successors wait that `archiver stream next` has made: a folder
	// each. Default: next in DataDir.
	NextDir string `yaml:"next_dir,omitempty" kind:"path"`
	// RotateBefore is how long before the stream's end the oldest successor takes over.
	// A stream lives 366 days. Default: 720h.
	RotateBefore time.Duration `yaml:"rotate_before"`
}

// KMS is how to reach AWS KMS, for the keys that are there.
type KMS struct {
	// Region that requests are signed for. Empty: the one in a key's ARN, or else
	// that of the bucket.
	Region string `yaml:"region,omitempty"`
	// Endpoint is the URL of the service. Empty: Amazon's in the region.
	Endpoint string `yaml:"endpoint,omitempty"`
	// CredentialsFile is an AWS shared-credentials file. Empty: the AWS credential
	// chain. That of the bucket is not used unless it is named here too.
	CredentialsFile string `yaml:"credentials_file,omitempty" kind:"path"`
	// Profile within the credentials file.
	Profile string `yaml:"profile,omitempty"`
}

// Seal says when a batch ends and is archived, whichever comes first.
type Seal struct {
	Rows  int           `yaml:"rows"`  // Default: 1000000.
	Bytes Size          `yaml:"bytes"` // of the WAL. Default: 256MiB.
	Age   time.Duration `yaml:"age"`   // of the oldest event. Shorter: more and smaller files. Default: 15m.

	// AheadMost is how far ahead of the clock a batch may have been sealed and be locked.
	// What is sealed later waits: its lock counts from there, and nobody could undo it. Who
	// raises it takes that longer lock, also of what is sealed afterwards. Default: 24h.
	AheadMost time.Duration `yaml:"ahead_most"`
}

// WAL bounds the disk and memory that waiting events may take. At ReserveBytes,
// HighWaterBytes and QueueEvents requests are refused with 503 and Retry-After.
type WAL struct {
	// SegmentBytes is the size of one WAL file. Default: 64MiB.
	SegmentBytes Size `yaml:"segment_bytes"`
	// ReserveBytes must stay free on the disk. With less than Seal.Bytes the oldest
	// batch may find no room on a disk that is full. Default: 512MiB.
	ReserveBytes Size `yaml:"reserve_bytes"`
	// HighWaterBytes is the most that the WAL may hold; what it holds is what is
	// not yet archived, so this is how long S3 may be away. Default: 4GiB.
	HighWaterBytes Size `yaml:"high_water_bytes"`
	// QueueEvents is the most events that may wait for one fsync, whose ids take as much
	// memory as those of RetryIDs. Default: 20000.
	QueueEvents int `yaml:"queue_events"`
	// RetryIDs is how many of the last event ids are remembered, so that an event
	// that is sent again is stored once. Each takes up to 26 bytes of memory and 20
	// on disk. Default: 4194304.
	RetryIDs int `yaml:"retry_ids"`
	// RetryAge is how long an id is remembered, up to a minute more, if there is room.
	// Default: 24h.
	RetryAge time.Duration `yaml:"retry_age"`
	// ShipInterval is how often what is not archived yet is copied to the bucket, so
	// that `archiver recover` finds it there when this disk is lost. At least 1s; 0:
	// never. Default: 0.
	ShipInterval time.Duration `yaml:"ship_interval"`
	// ShipRetention is how long such a copy is locked. It has to be there when
	// somebody comes to recover it, and costs its storage as long. Default: 72h.
	ShipRetention time.Duration `yaml:"ship_retention"`
}

// Limits are what one client may ask for at most.
type Limits struct {
	EventBytes    Size `yaml:"event_bytes"`    // one event as JSON. Default: 64KiB.
	RequestBytes  Size `yaml:"request_bytes"`  // one request, decompressed. Default: 16MiB.
	RequestEvents int  `yaml:"request_events"` // Default: 10000.
	Depth         int  `yaml:"depth"`          // nesting of JSON. Default: 64.
	Connections   int  `yaml:"connections"`    // open at a time; more wait. Default: 256.
}

// Doctor is about the checks of `archiver doctor`, which serve makes too.
type Doctor struct {
	// Override names musts that serve starts without. It then says so in /readyz, in
	// its log and, signed, in the ledger. Default: none.
	Override []string `yaml:"override,omitempty"`
}

// Query bounds the SQL engines. What is not below amazon or trino is about the embedded one.
type Query struct {
	// Engine of `archiver query --config`: duckdb, amazon or trino. A server answers
	// with duckdb whatever stands here. Default: duckdb.
	Engine string `yaml:"engine"`

	CacheBytes  Size          `yaml:"cache_bytes"`  // local copies of archived files. Default: 4GiB.
	MaxRows     int64         `yaml:"max_rows"`     // of an answer; more is an error, never a truncation. Default: 1000000.
	Timeout     time.Duration `yaml:"timeout"`      // of one query. Default: 60s.
	MemoryBytes Size          `yaml:"memory_bytes"` // of one query. Default: 1GiB.
	TempBytes   Size          `yaml:"temp_bytes"`   // of one query's temporary files, in DataDir. Default: 4GiB.
	ResultBytes Size          `yaml:"result_bytes"` // of one answer. Default: 4GiB.
	Concurrency int           `yaml:"concurrency"`  // queries at a time; more wait. Default: 2.

	// Isolation of SQL from this machine: required, or best-effort. A query runs in a
	// process of its own that can reach nothing but the files it reads. Where the
	// kernel cannot promise that, required refuses queries, and best-effort answers
	// them with what isolation there is, which is for SQL of people who may do what
	// this process may. Default: required.
	Isolation string `yaml:"isolation"`

	Amazon Amazon `yaml:"amazon"`
	Trino  Trino  `yaml:"trino"`
}

// Verify lets the server verify its archive from time to time. It is a smoke
// detector: who holds this server holds it too. Run `archiver verify` elsewhere.
type Verify struct {
	// Every is how long after the end of one run the next one begins. Each reads
	// what is new, and lists everything. At least 1m; 0: never. Default: 0.
	Every time.Duration `yaml:"every"`
	// Levels are those of `archiver verify`. Default: 0-3.
	Levels string `yaml:"levels"`
	// Attest puts each result into the bucket, signed by the stream's key and locked
	// like an object of the longest class. Default: false.
	Attest bool `yaml:"attest,omitempty"`
}

// Log is what goes to standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error. Default: info.
	Format string `yaml:"format"` // text, json. Default: text.
}

// Default returns what an empty file means. It is not valid by itself: a bucket
// has no default, nor has anything that cannot be undone.
func Default() Config {
	return Config{
		DataDir:   "./data",
		Listen:    "127.0.0.1:8420",
		S3:        S3{Region: "us-east-1", Prefix: "audit-logs"},
		Archive:   Archive{AckTimeout: 30 * time.Second},
		Retention: Retention{Default: "standard"},
		Stream:    Stream{RotateBefore: 30 * 24 * time.Hour},
		Seal:      Seal{Rows: 1_000_000, Bytes: 256 * MiB, Age: 15 * time.Minute, AheadMost: 24 * time.Hour},
		WAL: WAL{
			SegmentBytes:   64 * MiB,
			ReserveBytes:   512 * MiB,
			HighWaterBytes: 4 * GiB,
			QueueEvents:    20_000,
			RetryIDs:       1 << 22,
			RetryAge:       24 * time.Hour,
			ShipRetention:  72 * time.Hour,
		},
		Limits: Limits{
			EventBytes:    64 * KiB,
			RequestBytes:  16 * MiB,
			RequestEvents: 10_000,
			Depth:         64,
			Connections:   256,
		},
		Heartbeat: time.Hour,
		Query:     defaultQuery(),
		Athena:    Athena{HistoryBytes: GiB},
		Verify:    Verify{Levels: "0-3"},
		Mirror:    Mirror{Interval: 30 * time.Second, Postgres: Postgres{Schema: "public"}},
		Log:       Log{Level: "info", Format: "text"},
	}
}
