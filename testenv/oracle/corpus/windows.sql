--- row_number
SELECT seq, row_number() OVER (ORDER BY timestamp_ns, seq), row_number() OVER (PARTITION BY outcome ORDER BY seq DESC) FROM audit_logs WHERE retention = 'long'
--- ranks
SELECT action, rank() OVER (ORDER BY action), dense_rank() OVER (ORDER BY action), percent_rank() OVER (ORDER BY action), cume_dist() OVER (ORDER BY action), ntile(3) OVER (ORDER BY action, seq) FROM audit_logs WHERE retention = 'long'
--- lag and lead
SELECT seq, lag(action) OVER (ORDER BY seq), lead(seq, 2) OVER (ORDER BY seq), lag(seq, 1, -1) OVER (ORDER BY seq), lead(seq, 0) OVER (ORDER BY seq) FROM audit_logs WHERE retention = 'long'
--- time between events
SELECT seq, date_diff('millisecond', lag(timestamp) OVER (PARTITION BY actor_id ORDER BY timestamp_ns, seq), timestamp) FROM audit_logs WHERE retention = 'long'
--- first and last
SELECT seq, first_value(action) OVER (ORDER BY seq), last_value(action) OVER (ORDER BY seq), last_value(action) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), nth_value(seq, 2) OVER (ORDER BY seq) FROM audit_logs WHERE retention = 'minimal'
--- ignore nulls
SELECT seq, last_value(reason) IGNORE NULLS OVER (ORDER BY seq), lag(actor_email) IGNORE NULLS OVER (ORDER BY seq) FROM audit_logs WHERE retention = 'long'
--- running sums
SELECT seq, sum(seq) OVER (ORDER BY seq), count(*) OVER (ORDER BY seq ROWS 2 PRECEDING), avg(seq) OVER (ORDER BY seq ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING), max(seq) OVER () FROM audit_logs WHERE retention = 'long'
--- running sums of peers
SELECT action, seq, count(*) OVER (ORDER BY action), sum(seq) OVER (PARTITION BY action) FROM audit_logs WHERE retention = 'long'
--- range with an offset
SELECT seq, count(*) OVER (ORDER BY seq RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM audit_logs WHERE retention = 'long'
--- range of time
SELECT seq, count(*) OVER (ORDER BY timestamp RANGE BETWEEN interval '1' hour PRECEDING AND CURRENT ROW) FROM audit_logs WHERE retention = 'long'
--- groups
SELECT action, count(*) OVER (ORDER BY action GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM audit_logs WHERE retention = 'long'
--- named windows
SELECT seq, sum(seq) OVER w, count(*) OVER w FROM audit_logs WHERE retention = 'long' WINDOW w AS (PARTITION BY outcome ORDER BY seq)
--- windows over aggregates
SELECT action, count(*) AS n, rank() OVER (ORDER BY count(*) DESC), sum(count(*)) OVER () FROM audit_logs WHERE retention <> 'standard' GROUP BY action
--- windows with filter
SELECT seq, count(*) FILTER (WHERE outcome = 'failure') OVER (ORDER BY seq) FROM audit_logs WHERE retention = 'long'
--- windows in order by
SELECT seq FROM audit_logs WHERE retention = 'long' ORDER BY row_number() OVER (ORDER BY seq DESC)
--- windows in where
SELECT seq FROM audit_logs WHERE row_number() OVER (ORDER BY seq) = 1
--- the first of each
SELECT actor_id, action, seq FROM (SELECT actor_id, action, seq, row_number() OVER (PARTITION BY actor_id ORDER BY timestamp_ns, seq) AS n FROM audit_logs WHERE retention <> 'standard') WHERE n = 1 ORDER BY actor_id
--- nulls in windows
SELECT seq, rank() OVER (ORDER BY organization_id NULLS FIRST), rank() OVER (ORDER BY organization_id DESC), count(*) OVER (PARTITION BY organization_id) FROM audit_logs WHERE retention = 'long'
--- booleans in windows
SELECT seq, bool_or(outcome = 'success') OVER (ORDER BY seq), count_if(outcome = 'failure') OVER (ORDER BY seq), min_by(action, seq) OVER (ORDER BY seq), array_agg(seq) OVER (ORDER BY seq ROWS 1 PRECEDING) FROM audit_logs WHERE retention = 'long'
--- ntile of zero
SELECT ntile(0) OVER (ORDER BY seq) FROM audit_logs WHERE seq < 3
--- lag of a negative offset
SELECT lag(seq, -1) OVER (ORDER BY seq) FROM audit_logs WHERE retention = 'minimal'
--- bursts of failures
SELECT actor_id, timestamp, n FROM (SELECT actor_id, timestamp, seq, count(*) OVER (PARTITION BY actor_id ORDER BY timestamp_ns, seq ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) AS n, lag(timestamp, 4) OVER (PARTITION BY actor_id ORDER BY timestamp_ns, seq) AS before FROM audit_logs WHERE outcome = 'failure') WHERE n = 5 AND date_diff('second', before, timestamp) < 2 ORDER BY timestamp, actor_id, n LIMIT 20
--- first and last value of a constant
SELECT x, first_value('a') OVER (ORDER BY x ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING), last_value(7) OVER (ORDER BY x ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING), nth_value('b', 2) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), first_value(1) OVER (ORDER BY x), last_value(CAST(NULL AS bigint)) OVER (ORDER BY x), first_value(1) IGNORE NULLS OVER (PARTITION BY x ORDER BY x ROWS BETWEEN 1 FOLLOWING AND 1 FOLLOWING), nth_value(5, 3) OVER (ORDER BY x RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x
--- groups with an offset and without an order
SELECT first_value(0e0) OVER (PARTITION BY bigint '0' GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)
--- range with an offset and without an order
SELECT count(*) OVER (RANGE BETWEEN CURRENT ROW AND 1 FOLLOWING)
--- frames without an order
SELECT count(*) OVER (GROUPS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), count(*) OVER (RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING), count(*) OVER (ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM (VALUES 1) AS t(x)
--- frames with offsets of other types
--- refused: text in an unclear form
SELECT k, count(*) OVER (ORDER BY k RANGE BETWEEN 0.5 PRECEDING AND CURRENT ROW) FROM (VALUES 1.0, 1.5, 2.25) AS t(k)
--- frames of doubles
--- refused: text in an unclear form
SELECT k, count(*) OVER (ORDER BY k RANGE BETWEEN 1 PRECEDING AND CURRENT ROW), count(*) OVER (ORDER BY k DESC RANGE BETWEEN 1e0 PRECEDING AND 1e0 FOLLOWING) FROM (VALUES 1.0e0, 1.5e0, 2.25e0) AS t(k)
