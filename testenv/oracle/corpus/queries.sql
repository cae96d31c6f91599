--- inner join
SELECT a.seq, b.seq FROM audit_logs a JOIN audit_logs b ON a.resource_id = b.resource_id AND a.seq < b.seq WHERE a.retention = 'minimal' AND b.retention = 'minimal'
--- left join
SELECT a.seq, b.action FROM audit_logs a LEFT JOIN (SELECT * FROM audit_logs WHERE outcome = 'failure') b ON a.actor_id = b.actor_id AND b.seq = a.seq + 1 WHERE a.retention = 'long' AND (b.retention = 'long' OR b.retention IS NULL)
--- right join
SELECT x.a, y.b FROM (VALUES (1, 'x'), (2, 'y')) AS x(k, a) RIGHT JOIN (VALUES (2, 'p'), (3, 'q')) AS y(k, b) ON x.k = y.k
--- full join
SELECT x.a, y.b FROM (VALUES (1, 'x'), (2, 'y')) AS x(k, a) FULL JOIN (VALUES (2, 'p'), (3, 'q')) AS y(k, b) ON x.k = y.k
--- cross join
SELECT x, y FROM (VALUES 1, 2) AS a(x) CROSS JOIN (VALUES 'p', 'q') AS b(y)
--- join using
SELECT k, a, b FROM (VALUES (1, 'x'), (2, 'y')) AS x(k, a) JOIN (VALUES (2, 'p'), (3, 'q')) AS y(k, b) USING (k)
--- full join using
SELECT k, a, b FROM (VALUES (1, 'x'), (2, 'y')) AS x(k, a) FULL JOIN (VALUES (2, 'p'), (3, 'q')) AS y(k, b) USING (k)
--- all columns of join using
--- refused: text in an unclear form
SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS x(k, a) JOIN (VALUES (2, 'p'), (3, 'q')) AS y(k, b) USING (k)
--- natural join
SELECT * FROM (VALUES (1, 'x')) AS x(k, a) NATURAL JOIN (VALUES (1, 'p')) AS y(k, b)
--- join on nulls
SELECT a.x, b.x FROM (VALUES 1, NULL) AS a(x) JOIN (VALUES 1, NULL) AS b(x) ON a.x = b.x
--- join on inequality
SELECT a.x, b.x FROM (VALUES 1, 2, 3) AS a(x) JOIN (VALUES 2, 3) AS b(x) ON a.x < b.x
--- an ambiguous column
SELECT x FROM (VALUES 1) AS a(x), (VALUES 1) AS b(x)
--- a missing column
SELECT nothing FROM audit_logs
--- a missing table
SELECT * FROM nothing
--- the same name twice
SELECT 1 AS x, 2 AS x
--- a column of a name twice
SELECT x FROM (SELECT 1 AS x, 2 AS x)
--- star of an alias
SELECT b.* FROM (VALUES (1, 2)) AS a(x, y), (VALUES (3, 4)) AS b(x, z)
--- scalar subquery
SELECT (SELECT max(seq) FROM audit_logs WHERE retention = 'long'), (SELECT action FROM audit_logs WHERE seq = -1)
--- scalar subquery of many rows
SELECT (SELECT seq FROM audit_logs)
--- scalar subquery of two columns
--- refused: types
SELECT (SELECT 1, 2)
--- correlated subquery
SELECT a.seq, (SELECT count(*) FROM audit_logs b WHERE b.actor_id = a.actor_id AND b.retention = a.retention) FROM audit_logs a WHERE a.retention = 'long'
--- exists
SELECT seq FROM audit_logs a WHERE retention = 'long' AND EXISTS (SELECT 1 FROM audit_logs b WHERE b.actor_id = a.actor_id AND b.outcome = 'failure' AND b.seq > a.seq AND b.retention = 'long')
--- not exists
SELECT DISTINCT actor_id FROM audit_logs a WHERE retention <> 'standard' AND NOT EXISTS (SELECT 1 FROM audit_logs b WHERE b.actor_id = a.actor_id AND b.outcome = 'failure')
--- in a subquery
SELECT count(*) FROM audit_logs WHERE actor_id IN (SELECT actor_id FROM audit_logs WHERE retention = 'long')
--- not in a subquery with null
SELECT count(*) FROM audit_logs WHERE organization_id NOT IN (SELECT organization_id FROM audit_logs WHERE retention = 'long')
--- any and all
SELECT 2 > ANY (SELECT x FROM (VALUES 1, 3) AS t(x)), 2 > ALL (SELECT x FROM (VALUES 1, 3) AS t(x)), 2 = SOME (VALUES 2, 3), 5 <> ALL (VALUES 1, 2)
--- any of nothing
SELECT 1 = ANY (SELECT x FROM (VALUES 1) AS t(x) WHERE false), 1 = ALL (SELECT x FROM (VALUES 2) AS t(x) WHERE false)
--- with
WITH f AS (SELECT * FROM audit_logs WHERE outcome = 'failure'), g AS (SELECT actor_id, count(*) AS n FROM f GROUP BY actor_id) SELECT * FROM g ORDER BY n DESC, actor_id LIMIT 5
--- with column names
WITH t(a, b) AS (VALUES (1, 'x'), (2, 'y')) SELECT b, a FROM t ORDER BY a
--- with inside
SELECT * FROM (WITH t AS (SELECT 1 AS x) SELECT x + 1 AS y FROM t)
--- with that hides the table
WITH audit_logs AS (SELECT 1 AS x) SELECT * FROM audit_logs
--- recursive with
--- refused: sampling and recursion
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT n FROM t
--- union
SELECT outcome FROM audit_logs UNION SELECT retention FROM audit_logs
--- union all
SELECT 1 AS x UNION ALL SELECT 1 UNION ALL SELECT 2
--- union of types
SELECT NULL UNION ALL SELECT 1
--- union in order
SELECT seq AS s FROM audit_logs WHERE retention = 'minimal' UNION ALL SELECT -1 ORDER BY s DESC LIMIT 3
--- intersect
SELECT actor_id FROM audit_logs WHERE outcome = 'failure' INTERSECT SELECT actor_id FROM audit_logs WHERE outcome = 'success'
--- except
SELECT actor_id FROM audit_logs EXCEPT SELECT actor_id FROM audit_logs WHERE outcome = 'success'
--- except and nulls
SELECT x FROM (VALUES 1, NULL, NULL, 2) AS t(x) EXCEPT SELECT 2
--- intersect all
SELECT x FROM (VALUES 1, 1, 2) AS t(x) INTERSECT ALL SELECT x FROM (VALUES 1, 1, 1) AS u(x)
--- except all
SELECT x FROM (VALUES 1, 1, 2) AS t(x) EXCEPT ALL SELECT 1
--- precedence of sets
SELECT 1 UNION SELECT 2 INTERSECT SELECT 2
--- union of other lengths
SELECT 1 UNION SELECT 1, 2
--- values
VALUES (1, 'a'), (2, 'b')
--- values without parentheses
VALUES 1, 2, 3
--- values of types
SELECT * FROM (VALUES (1, 'a', NULL), (2.5, 'b', true)) AS t(x, y, z)
--- table
SELECT count(*) FROM (TABLE audit_logs)
--- select without from
SELECT 1 + 1 AS two, 'a' AS a WHERE 1 = 1
--- select star without from
SELECT *
--- nested queries
SELECT max(n) FROM (SELECT count(*) AS n FROM (SELECT * FROM audit_logs WHERE retention <> 'standard') AS a GROUP BY action) AS b
--- a subquery with a limit
SELECT count(*) FROM (SELECT * FROM audit_logs LIMIT 5)
--- lateral
SELECT a.x, t.y FROM (VALUES 1, 2) AS a(x) CROSS JOIN LATERAL (SELECT a.x * 10 AS y) AS t
--- tablesample
--- refused: sampling and recursion
SELECT count(*) >= 0 FROM audit_logs TABLESAMPLE BERNOULLI (10)
--- logic
SELECT true AND false OR true, NOT true OR true, NOT (true AND false), true IS NOT NULL
--- case
SELECT seq, CASE outcome WHEN 'success' THEN 1 WHEN 'failure' THEN 2 ELSE 3 END AS c, CASE WHEN seq > 2 AND outcome = 'failure' THEN 'late' WHEN seq > 2 THEN 'x' ELSE NULL END FROM audit_logs WHERE retention = 'long' ORDER BY seq
--- if
SELECT if(true, 'a', 'b'), if(false, 'a'), if(NULL, 1, 2), if(1 > 2, 1, NULL)
--- case does not divide
SELECT CASE WHEN seq = 0 THEN 0 ELSE 100 / seq END FROM audit_logs WHERE retention = 'long'
--- try
SELECT try(1 / 0), try(CAST('x' AS bigint)), try(5)
--- is true
SELECT count(*) FROM audit_logs WHERE (outcome = 'success') IS TRUE
--- boolean columns
SELECT outcome = 'success' AS ok, count(*) FROM audit_logs GROUP BY 1 ORDER BY ok
--- where is a number
SELECT 1 FROM audit_logs WHERE 1
--- a function that is none
SELECT no_such_function(1)
--- wrong number of arguments
SELECT length('a', 'b')
--- wrong types of arguments
SELECT length(5), abs('a')
--- two statements
SELECT 1; SELECT 2
--- a syntax error
SELECT FROM WHERE
--- a trailing comma
SELECT 1, FROM audit_logs
--- an unclosed string
SELECT 'abc
--- a keyword as name
SELECT user FROM audit_logs
--- uuid
SELECT count(DISTINCT id), max(length(id)) FROM audit_logs
--- addresses
SELECT ip, contains('10.0.0.0/8', CAST(ip AS ipaddress)) FROM audit_logs WHERE retention = 'long' AND ip IS NOT NULL
--- addresses of a network
SELECT ip, count(*) AS n FROM audit_logs WHERE ip LIKE '10.%' GROUP BY ip ORDER BY n DESC, ip LIMIT 5
--- search in several columns
SELECT seq FROM audit_logs WHERE retention <> 'standard' AND (lower(action) LIKE '%export%' OR lower(details) LIKE '%export%' OR lower(coalesce(reason, '')) LIKE '%quota%') ORDER BY seq
--- who did what first
SELECT actor_id, min(timestamp) AS first_at, min_by(action, timestamp_ns) AS first_action FROM audit_logs WHERE retention <> 'standard' GROUP BY actor_id ORDER BY first_at, actor_id
--- users who failed and then succeeded
SELECT DISTINCT s.actor_id FROM audit_logs f JOIN audit_logs s ON f.actor_id = s.actor_id AND f.action = s.action WHERE f.outcome = 'failure' AND s.outcome = 'success' AND s.timestamp_ns > f.timestamp_ns AND f.retention = 'long' AND s.retention = 'long'
--- actions at night
SELECT hour(timestamp) AS h, count(*) AS n FROM audit_logs WHERE hour(timestamp) < 6 OR hour(timestamp) >= 22 GROUP BY 1 ORDER BY h
--- actions on weekends
SELECT dt, count(*) FROM audit_logs WHERE day_of_week(timestamp) IN (6, 7) GROUP BY dt
--- grafana
SELECT from_unixtime(floor(to_unixtime(timestamp) / 600) * 600) AS time, count(*) AS value FROM audit_logs WHERE timestamp BETWEEN timestamp '2023-07-10 11:00:00' AND timestamp '2023-07-10 13:00:00' GROUP BY 1 ORDER BY 1
--- grafana with a filter
SELECT date_trunc('hour', timestamp) AS time, outcome AS metric, count(*) AS value FROM audit_logs WHERE timestamp > parse_datetime('2023-07-10 00:00:00', 'yyyy-MM-dd HH:mm:ss') AND dt = '2023-07-10' GROUP BY 1, 2 ORDER BY 1, 2
--- groups in cubes of expressions
SELECT lower(action), count(*) FROM audit_logs WHERE seq < 5 GROUP BY CUBE (lower(action))
--- groups in rollups of places
SELECT outcome, actor_type, count(*) FROM audit_logs WHERE seq < 5 GROUP BY ROLLUP (1, 2)
--- groups in grouping sets of expressions
SELECT lower(action), count(*) FROM audit_logs WHERE seq < 5 GROUP BY GROUPING SETS ((lower(action)), ())
--- groups by cube and column
SELECT lower(action), outcome, count(*) FROM audit_logs WHERE seq < 5 GROUP BY lower(action), ROLLUP (outcome)
--- grouping sets of places
SELECT outcome, count(*) FROM audit_logs WHERE seq < 5 GROUP BY GROUPING SETS ((1), ())
--- groups by place used in other columns
SELECT date_trunc('day', timestamp) AS d, date_format(date_trunc('day', timestamp), '%Y-%m') AS m, CAST(date_trunc('day', timestamp) AS date), count(*) FROM audit_logs WHERE retention <> 'standard' GROUP BY 1 ORDER BY 1
--- groups by place named as columns
SELECT lower(action) AS action, lower(action) || '!' AS c, count(*) FROM audit_logs WHERE seq < 5 GROUP BY 1 ORDER BY 1, 2
--- groups by place of constants
SELECT 'a' AS x, 5 AS y, count(*) FROM audit_logs WHERE seq < 5 GROUP BY 1, 2
--- groups by place and name
SELECT outcome, upper(outcome), count(*) FROM audit_logs WHERE seq < 5 GROUP BY 1, actor_type ORDER BY 1, 3
--- groups by place of a row's field
SELECT CAST(ROW(action, 1) AS row(x varchar, y bigint)).x AS f, count(*) FROM audit_logs WHERE seq < 3 GROUP BY 1 ORDER BY 1
--- groups by place of a subquery
SELECT (SELECT max(k) FROM (VALUES 1, 2) AS t(k)) AS m, count(*) FROM audit_logs WHERE seq < 3 GROUP BY 1
--- a range of doubles in a condition
SELECT count(*) FROM audit_logs WHERE seq < 3 AND (to_unixtime(timestamp) BETWEEN 0e0 AND 2e9) AND NOT (to_unixtime(timestamp) IN (1e0, 2e0)) AND (seq > 0 OR to_unixtime(timestamp) IN (1e0, 2e0))
--- order of an array by place
SELECT ARRAY[seq, NULL] FROM audit_logs WHERE seq < 2 ORDER BY 1
--- order of a map by place
SELECT map(ARRAY['a'], ARRAY[seq]) FROM audit_logs WHERE seq < 2 ORDER BY 1
--- order of json by place
SELECT json_parse('1') FROM audit_logs WHERE seq < 2 ORDER BY 1
--- grouping of an expression
SELECT grouping(lower(action)) FROM audit_logs GROUP BY lower(action)
--- an aggregate of the query around it
SELECT (SELECT max(t.x)) FROM (VALUES 1, 2) t(x)
--- an aggregate of the query around it over other rows
SELECT (SELECT max(x) FROM (VALUES 5) u(y)) FROM (VALUES 1, 2) t(x)
--- an aggregate with an order of the query around it
SELECT (SELECT array_agg(u.y ORDER BY t.x) FROM (VALUES 5, 6) u(y)) FROM (VALUES 1, 5) t(x)
--- an aggregate with a filter of the query around it
SELECT (SELECT count(*) FILTER (WHERE t.x > 1) FROM (VALUES 5, 6) u(y)) FROM (VALUES 1, 5) t(x)
--- whether there is an aggregate of the query around it
--- refused: functions
SELECT x FROM (VALUES 1, 5) t(x) WHERE EXISTS (SELECT max(t.x))
--- aggregates beside columns of the query around them
SELECT (SELECT sum(1) + t.x), (SELECT sum(1) WHERE t.x > 1), (SELECT count(*) FROM (VALUES 5, 6) u(y) WHERE u.y > t.x), (SELECT max(v) FROM UNNEST(ARRAY[t.x, 3]) AS q(v)) FROM (VALUES 1, 5) t(x)
--- a relation beside a subquery
SELECT t.x, u.y FROM (VALUES 1, 2) t(x), (SELECT t.x + 1 AS y) u
--- a relation beside a subquery that is joined
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) LEFT JOIN (SELECT v AS y FROM (VALUES 1, 3) w(v) WHERE w.v = t.x) u ON true
--- a relation beside a subquery and one around it
--- refused: sampling and recursion
SELECT (SELECT y FROM (VALUES 7) t(x), (SELECT t.x AS y) u) FROM (VALUES 1) t(x)
--- lateral elsewhere in the query
--- refused: sampling and recursion
SELECT (SELECT y FROM (VALUES 7) t(x), (SELECT t.x AS y) u) FROM (VALUES 1) t(x) CROSS JOIN LATERAL (SELECT t.x AS z) w
--- lateral and a subquery that is not
--- refused: sampling and recursion
SELECT t.x, p.k, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN (SELECT 5 AS k) p CROSS JOIN LATERAL (SELECT t.x + 1 AS y) u
--- lateral and WITH
WITH p AS (SELECT 5 AS k) SELECT t.x, p.k, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN p CROSS JOIN LATERAL (SELECT t.x + 1 AS y) u
--- lateral condition
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) LEFT JOIN LATERAL (SELECT v AS y FROM (VALUES 1, 3) w(v) WHERE w.v > t.x) u ON true
--- lateral aggregate
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) LEFT JOIN LATERAL (SELECT max(v) AS y FROM (VALUES 1, 3) w(v) WHERE w.v > t.x) u ON true
--- lateral after lateral
SELECT t.x, u.y, w.z FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT t.x + 1 AS y) u CROSS JOIN LATERAL (SELECT u.y + t.x AS z) w WHERE u.y > 2
--- lateral of a subquery
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT w.v AS y FROM (SELECT v FROM (VALUES 1, 3) z(v) WHERE v > t.x) w WHERE w.v > 1) u
--- lateral unnest
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT e AS y FROM UNNEST(ARRAY[t.x, 9]) q(e)) u
--- lateral over the table
SELECT count(*) FROM audit_logs a CROSS JOIN LATERAL (SELECT action FROM audit_logs b WHERE b.id = a.id) c WHERE c.action = a.action AND a.retention = 'minimal'
--- lateral column and condition
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) LEFT JOIN LATERAL (SELECT t.x + 1 AS y WHERE t.x > 1) u ON true
--- lateral column and table
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT v + t.x AS y FROM (VALUES 1, 3) w(v)) u
--- lateral distinct
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT DISTINCT t.x + 1 AS y) u
--- lateral ON
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) LEFT JOIN LATERAL (SELECT t.x + 1 AS y) u ON u.y > 2
--- lateral without columns beside it
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) LEFT JOIN LATERAL (SELECT 7 AS y) u ON u.y > t.x
--- lateral limit
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) LEFT JOIN LATERAL (SELECT v AS y FROM (VALUES 1, 3) w(v) WHERE w.v > t.x LIMIT 1) u ON true
--- lateral union
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) LEFT JOIN LATERAL (SELECT t.x + 1 AS y UNION ALL SELECT 7) u ON true
--- lateral values
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (VALUES t.x, 5) u(y)
--- lateral unnest and condition
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT e AS y FROM UNNEST(ARRAY[t.x, 9]) q(e) WHERE e > 1) u
--- lateral having
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT count(*) AS y FROM (VALUES 1, 3) w(v) WHERE w.v > t.x HAVING count(*) > 1) u
--- lateral window
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT row_number() OVER (ORDER BY v) AS y FROM (VALUES 1, 3) w(v) WHERE w.v > t.x) u
--- lateral exists
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT v AS y FROM (VALUES 1, 3) w(v) WHERE EXISTS (SELECT 1 FROM (VALUES 1) z(q) WHERE z.q = t.x)) u
--- unnest ON
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) LEFT JOIN UNNEST(ARRAY[t.x]) u(y) ON u.y > 1
--- unnest ON 1 = 1
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) JOIN UNNEST(ARRAY[t.x, 4], ARRAY[5]) u(y, z) ON 1 = 1
--- unnest ON TRUE
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) JOIN UNNEST(ARRAY[t.x]) u(y) ON TRUE
