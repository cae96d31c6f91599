CREATE EXTERNAL TABLE IF NOT EXISTS audit.events (
  id string COMMENT 'UUID of the event',
  `timestamp` timestamp COMMENT 'when it happened, UTC, rounded down to milliseconds',
  `action` string COMMENT 'what was done, such as user.login',
  actor_id string COMMENT 'who did it',
  actor_type string COMMENT 'user, system or api_key',
  actor_email string COMMENT 'e-mail address of the actor',
  resource_type string COMMENT 'kind of thing it was done to',
  resource_id string COMMENT 'which one',
  outcome string COMMENT 'success or failure',
  reason string COMMENT 'why it failed',
  details string COMMENT 'JSON object, its bytes exactly as received',
  request_id string COMMENT 'request that caused it',
  ip string COMMENT 'IPv4 or IPv6 address of the client, as sent',
  user_agent string COMMENT 'user agent of the client',
  organization_id string COMMENT 'tenant',
  received_at timestamp COMMENT 'when the archiver took it, UTC, milliseconds, never goes back within a stream',
  producer string COMMENT 'authenticated identity of the sender',
  timestamp_ns bigint COMMENT 'when it happened, exact, nanoseconds since 1970 UTC',
  `stream` string COMMENT 'UUID of the stream that took it',
  seq bigint COMMENT 'place in the stream, from 0, without gaps'
)
PARTITIONED BY (
  retention string COMMENT 'retention class, decides how long the file is locked',
  dt string COMMENT 'UTC date of timestamp, yyyy-MM-dd'
)
STORED AS PARQUET
LOCATION 's3://b-1/a/b/events/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'projection.enabled' = 'true',
  'projection.retention.type' = 'enum',
  'projection.retention.values' = 'standard,long',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2016-11-24,NOW+2DAYS',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://b-1/a/b/events/retention=${retention}/dt=${dt}/'
);
