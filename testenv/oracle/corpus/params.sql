--- text
--- with: 'alice'
SELECT count(*) FROM audit_logs WHERE actor_id = ?
--- text with a quote
--- with: 'it''s "quoted"'
SELECT seq FROM audit_logs WHERE resource_id = ?
--- a question mark in quotes
--- with: 'x'
SELECT '?', ?, "a?" FROM (SELECT 1 AS "a?")
--- a number
--- with: 5
SELECT seq + ? FROM audit_logs WHERE retention = 'long'
--- several
--- with: 'long', 2, timestamp '2023-07-10 00:00:00'
SELECT seq FROM audit_logs WHERE retention = ? AND seq < ? AND timestamp >= ?
--- types of parameters
--- with: 1, 'a', 1.5, 1e0, true, NULL, date '2024-02-29', timestamp '2024-02-29 12:00:00.123'
SELECT ?, ?, ?, ?, ?, ?, ?, ?
--- a negative number
--- with: -5
SELECT ? + 1
--- too few
--- with: 1
SELECT ?, ?
--- too many
--- with: 1, 2
SELECT ?
--- a type that does not fit
--- with: '5'
SELECT count(*) FROM audit_logs WHERE seq = ?
--- in a list
--- with: 'alice', 'bob'
SELECT count(*) FROM audit_logs WHERE actor_id IN (?, ?)
--- like
--- with: '%.export%'
SELECT count(*) FROM audit_logs WHERE action LIKE ?
--- limit
--- with: 2
SELECT seq FROM audit_logs WHERE retention = 'long' ORDER BY seq LIMIT ?
--- in a function
--- with: '.', 1
SELECT DISTINCT split_part(action, ?, ?) FROM audit_logs WHERE retention = 'long'
--- a day
--- with: '2023-07-10'
SELECT count(*) FROM audit_logs WHERE dt = ?
--- unicode
--- with: '😀 日本 é'
SELECT ? || '!'
--- an interval
--- with: interval '1' hour
SELECT timestamp '2024-01-01 00:00:00' - ?
