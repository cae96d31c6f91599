--- recent activity of a user
SELECT * FROM audit_logs WHERE actor_id = 'alice' ORDER BY timestamp DESC, seq LIMIT 50
--- changes to a resource
SELECT * FROM audit_logs WHERE resource_type = 'order' AND resource_id = 'order-456' ORDER BY timestamp
--- failed logins of one hour
SELECT * FROM audit_logs WHERE action = 'user.login' AND outcome = 'failure' AND timestamp > timestamp '2023-07-10 00:30:00' - interval '1' hour
--- failed logins of the last hour
SELECT * FROM audit_logs WHERE action = 'user.login' AND outcome = 'failure' AND timestamp > now() - interval '1' hour
--- exports of a year
SELECT * FROM audit_logs WHERE action LIKE '%.export%' AND timestamp BETWEEN timestamp '2023-01-01' AND timestamp '2023-12-31'
--- all columns of the real events
SELECT * FROM audit_logs WHERE stream = '01980000-0000-7000-8000-000000000000' AND seq BETWEEN 100 AND 119
--- all awkward rows
SELECT * FROM audit_logs WHERE stream = '01980001-0000-7000-8000-000000000000'
--- how many
SELECT count(*) FROM audit_logs
--- how many of each class and day
SELECT retention, dt, count(*) AS n FROM audit_logs GROUP BY retention, dt ORDER BY 1, 2
--- a class without events
SELECT count(*), max(timestamp) FROM audit_logs WHERE retention = 'empty'
--- a day without events
SELECT * FROM audit_logs WHERE dt = '2023-05-05'
--- qualified names
SELECT audit_logs.action, a.outcome FROM audit.audit_logs, audit.audit_logs AS a WHERE audit_logs.id = a.id AND a.seq < 3
--- in the upper case
SELECT ACTION, Outcome AS "O" FROM AUDIT_LOGS WHERE SEQ = 7
--- quoted columns
SELECT "action", "timestamp", "dt" FROM audit_logs WHERE "seq" = 3
--- comments and semicolon
SELECT count(*) -- how many
FROM audit_logs /* all */ WHERE action = 'user.login';
--- the last ten
SELECT seq, action FROM audit_logs WHERE stream LIKE '01980000%' ORDER BY timestamp_ns DESC, seq DESC LIMIT 10
--- page two
SELECT seq, action FROM audit_logs WHERE stream LIKE '01980000%' ORDER BY timestamp_ns, seq OFFSET 20 LIMIT 10
--- fetch first
SELECT seq FROM audit_logs WHERE stream LIKE '01980000%' ORDER BY seq FETCH FIRST 3 ROWS ONLY
--- failures by reason
SELECT split_part(reason, ':', 1) AS code, count(*) AS n FROM audit_logs WHERE outcome = 'failure' GROUP BY 1 ORDER BY n DESC, code
--- busiest actors
SELECT actor_id, actor_type, count(*) AS n, count(DISTINCT action) AS actions, min(timestamp), max(timestamp) FROM audit_logs GROUP BY actor_id, actor_type ORDER BY n DESC, actor_id LIMIT 10
--- events per minute
SELECT date_trunc('minute', timestamp) AS at, count(*) AS n FROM audit_logs WHERE dt = '2023-07-10' GROUP BY 1 ORDER BY n DESC, at LIMIT 20
--- exact instants
SELECT seq, timestamp, timestamp_ns, received_at FROM audit_logs WHERE stream = '01980001-0000-7000-8000-000000000000' ORDER BY timestamp_ns, seq
