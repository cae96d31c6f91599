--- alias captures in exists
SELECT x FROM (VALUES 1, 5) t(x) WHERE EXISTS (SELECT v AS x FROM (VALUES 1, 3) w(v) WHERE v = x)
--- alias captures in lateral
SELECT a.seq, l.twice FROM audit_logs a CROSS JOIN LATERAL (SELECT upper(a.action) AS action, action || '!' AS twice) l WHERE a.retention = 'minimal'
--- scalar of outer name
SELECT (SELECT x) FROM (VALUES 1, 2) t(x)
--- scalar of outer name with alias
SELECT (SELECT x + 1 AS x) FROM (VALUES 1, 2) t(x)
--- alias captures in group by
SELECT x FROM (VALUES 1, 5) t(x) WHERE 1 = (SELECT count(*) AS c FROM (SELECT v AS x FROM (VALUES 1, 3) w(v) WHERE v = x GROUP BY v) q)
--- alias captures in having
SELECT x FROM (VALUES 1, 5) t(x) WHERE EXISTS (SELECT max(v) AS x FROM (VALUES 1, 3) w(v) GROUP BY v HAVING max(v) = x)
--- outer name without alias of relation
SELECT x FROM (SELECT 1 AS x UNION ALL SELECT 5) WHERE EXISTS (SELECT v AS x FROM (VALUES 1, 3) w(v) WHERE v = x)
--- outer alias is also nearer
--- refused: sampling and recursion
SELECT x FROM (VALUES 1, 5) t(x) WHERE EXISTS (SELECT v AS x FROM (VALUES 1, 3) t(v) WHERE v = x)
--- outer lambda
SELECT filter(ARRAY[1, 2], y -> y = x) FROM (VALUES 1, 5) t(x)
--- order by in order by
--- refused: text in an unclear form
SELECT -x AS x FROM (VALUES 1, 2, 3) t(x) ORDER BY row_number() OVER (ORDER BY x)
--- order by in order by, and more
--- refused: text in an unclear form
SELECT seq, upper(retention) AS retention FROM audit_logs WHERE retention = 'minimal' ORDER BY row_number() OVER (ORDER BY seq) + length(retention)
--- order by in order by, expression
--- refused: text in an unclear form
SELECT -x AS x FROM (VALUES 1, 2, 3) t(x) ORDER BY row_number() OVER (ORDER BY x + 0)
--- partition in order by
--- refused: text in an unclear form
SELECT -x AS x FROM (VALUES 1, 2, 3) t(x) ORDER BY sum(x) OVER (PARTITION BY x)
--- order of plain column in order by
SELECT seq, -seq AS m FROM audit_logs WHERE seq < 3 ORDER BY row_number() OVER (ORDER BY seq DESC)
--- order of an aggregate in order by
SELECT max(-x) AS x FROM (VALUES 1, 2, 3) t(x) ORDER BY cardinality(array_agg(x ORDER BY x))
--- order of an alias in order by
SELECT -x AS y FROM (VALUES 1, 2, 3) t(x) ORDER BY row_number() OVER (ORDER BY y)
--- on sees left
SELECT count(*) FROM (VALUES 1,2) a(x), (VALUES 1) b(y) JOIN (VALUES 1,2) c(z) ON a.x = c.z
--- on sees left, unqualified
SELECT count(*) FROM (VALUES 1,2) a(x), (VALUES 1) b(y) JOIN (VALUES 1,2) c(z) ON x = z
--- on sees outer
--- refused: sampling and recursion
SELECT a.x, (SELECT count(*) FROM (VALUES 7) a(x), (VALUES 1) b(y) JOIN (VALUES 1,2) c(z) ON a.x = c.z) FROM (VALUES 1, 9) a(x)
--- on ambiguous elsewhere
SELECT count(*) FROM (VALUES 1,2) a(y), (VALUES 1) b(y) JOIN (VALUES 1,2) c(z) ON y = z
--- on sees left in a subquery
SELECT count(*) FROM (VALUES 1,2) a(x), (VALUES 1) b(y) JOIN (VALUES 1,2) c(z) ON c.z IN (SELECT a.x)
--- on of own
SELECT count(*) FROM (VALUES 1,2) a(x), (VALUES 1) b(y) JOIN (VALUES 1,2) c(z) ON b.y = c.z
--- on of chain
SELECT count(*) FROM (VALUES 1,2) a(x) JOIN (VALUES 1) b(y) ON true JOIN (VALUES 1,2) c(z) ON a.x = c.z
--- parenthesised join
SELECT count(*) FROM (VALUES 1,2) a(x) CROSS JOIN ((VALUES 1) b(y) JOIN (VALUES 1,2) c(z) ON a.x = c.z)
--- nested unnest sees left
SELECT count(*) FROM (VALUES ARRAY[1,2]) a(x), (VALUES 1) b(y) CROSS JOIN UNNEST(a.x) u(z)
--- nested unnest sees left in parens
SELECT count(*) FROM (VALUES ARRAY[1,2]) a(x) CROSS JOIN ((VALUES 1) b(y) CROSS JOIN UNNEST(a.x) u(z))
--- nested unnest sees left alone
SELECT count(*) FROM (VALUES ARRAY[1,2]) a(x), UNNEST(a.x) u(z)
--- nested unnest first of its join
SELECT count(*) FROM (VALUES ARRAY[1,2]) a(x), UNNEST(a.x) u(z) CROSS JOIN (VALUES 1, 2) b(y)
--- nested unnest right of a join
SELECT count(*) FROM (VALUES ARRAY[1,2]) a(x) JOIN (VALUES 1, 2) b(y) ON true CROSS JOIN UNNEST(a.x) u(z)
--- nested lateral sees left
SELECT count(*) FROM (VALUES 1, 2) a(x), (VALUES 1) b(y) CROSS JOIN LATERAL (SELECT a.x AS z) u
--- nested lateral sees left in parens
SELECT count(*) FROM (VALUES 1, 2) a(x) CROSS JOIN ((VALUES 1) b(y) CROSS JOIN LATERAL (SELECT a.x AS z) u)
--- nested lateral first of its join
SELECT count(*) FROM (VALUES 1, 2) a(x), LATERAL (SELECT a.x AS z) u CROSS JOIN (VALUES 1, 2) b(y)
--- lateral of a set operation below
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT y FROM (SELECT t.x + 1 AS y UNION ALL SELECT 7) q) u
--- lateral of with and limit
--- refused: sampling and recursion
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (WITH q AS (SELECT t.x AS y) SELECT y FROM q LIMIT 1) u
--- lateral of with
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (WITH q AS (SELECT t.x AS y) SELECT y FROM q) u
--- lateral of from a subquery
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT y FROM (SELECT t.x AS y) q) u
--- lateral of from a subquery and limit
--- refused: sampling and recursion
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT y FROM (SELECT t.x AS y) q LIMIT 1) u
--- lateral with where in with
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (WITH q AS (SELECT t.x AS y) SELECT y FROM q WHERE y > 1) u
--- lateral with having
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (WITH q AS (SELECT t.x AS y) SELECT max(y) AS y FROM q HAVING max(y) > 1) u
--- lateral of order by
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT v AS y FROM (VALUES 3, 4) w(v) ORDER BY v + t.x) u
--- lateral of order by and limit
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT v AS y FROM (VALUES 3, 4) w(v) ORDER BY v * t.x LIMIT 1) u
--- lateral of group by
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT max(v) AS y FROM (VALUES 3, 4) w(v) GROUP BY v + t.x) u
--- first lateral in parens
SELECT u.y FROM (LATERAL (SELECT 1 AS x) t CROSS JOIN (SELECT t.x AS y) u)
--- first lateral in parens with outer
--- refused: sampling and recursion
SELECT (SELECT u.y FROM (LATERAL (SELECT 1 AS x) t CROSS JOIN (SELECT t.x AS y) u)) FROM (VALUES 9) t(x)
--- first lateral
SELECT u.y FROM LATERAL (SELECT 1 AS x) t CROSS JOIN LATERAL (SELECT t.x AS y) u
--- the name of an answer in a subquery
SELECT _col1 FROM (SELECT action, count(*) FROM audit_logs GROUP BY 1)
--- the name of an answer in ORDER BY
SELECT action, count(*) FROM audit_logs GROUP BY 1 ORDER BY _col1
--- unnamed columns through star
SELECT * FROM (SELECT 1, 2 AS b, 3) t
--- unnamed columns through qualified star
SELECT t.* FROM (SELECT 1, 2 AS b, 3) t
--- unnamed columns twice
SELECT * FROM (SELECT 1) a, (SELECT 2) b
--- unnamed through union
SELECT * FROM (SELECT 1 UNION ALL SELECT 2) ORDER BY 1
--- unnamed union order
SELECT 1 UNION ALL SELECT 2 ORDER BY _col0
--- named col0 by hand
SELECT _col0 FROM (SELECT 1 AS _col0)
--- unnamed of values
SELECT _col0 FROM (VALUES 1)
--- unnamed of with
WITH q AS (SELECT 1) SELECT _col0 FROM q
--- unnamed of with star
WITH q AS (SELECT 1) SELECT * FROM q
--- unnamed renamed
SELECT a FROM (SELECT 1) t(a)
--- unnamed in in
SELECT 1 WHERE 1 IN (SELECT 1 + 0)
--- unnamed scalar
SELECT (SELECT 1 + 1) AS x
--- unnamed exists
SELECT x FROM (VALUES 1) t(x) WHERE EXISTS (SELECT x + 1)
--- unnamed in a place
SELECT * FROM (SELECT a.x, upper('y'), b.* FROM (VALUES 1) a(x), (SELECT 5, 6) b)
--- order by twice
SELECT seq AS x, -seq AS x FROM audit_logs ORDER BY x
--- order by twice same
SELECT seq, seq FROM audit_logs WHERE seq < 5 ORDER BY seq
--- order by twice same aliased
SELECT seq AS x, seq AS x FROM audit_logs WHERE seq < 5 ORDER BY x
--- order by twice in expression
SELECT seq AS x, -seq AS x FROM audit_logs ORDER BY x + 1
--- order by twice same in expression
SELECT seq, seq FROM audit_logs WHERE seq < 5 ORDER BY seq + 1
--- order by twice with star
SELECT *, seq FROM (SELECT seq, action FROM audit_logs WHERE seq < 5) ORDER BY seq
--- order by twice qualified
SELECT a.seq, b.seq FROM (VALUES 1, 2) a(seq), (VALUES 2, 3) b(seq) ORDER BY seq
--- order by twice qualified name
SELECT a.seq, b.seq FROM (VALUES 1, 2) a(seq), (VALUES 2, 3) b(seq) ORDER BY a.seq, b.seq
--- order by twice union
SELECT 1 AS x, 2 AS x UNION ALL SELECT 3, 4 ORDER BY x
--- distinct twice
SELECT DISTINCT seq, seq FROM audit_logs WHERE seq < 5 ORDER BY seq
--- order by twice other case
SELECT seq AS "X", seq AS x FROM audit_logs WHERE seq < 5 ORDER BY x
--- having alias and column
SELECT -x AS x, count(*) FROM (VALUES 1, 2, 2) t(x) GROUP BY x HAVING x > 1
--- having alias and column in subquery
SELECT -x AS x FROM (VALUES 1, 2) t(x) GROUP BY x HAVING EXISTS (SELECT 1 FROM (VALUES 2) w(v) WHERE v = x)
--- where alias and column in subquery
SELECT -x AS x FROM (VALUES 1, 2) t(x) WHERE EXISTS (SELECT 1 FROM (VALUES 2) w(v) WHERE v = x)
--- in subquery of select list
SELECT upper(a.action) AS action, (SELECT max(action || v) FROM (VALUES 'a', 'b') w(v)) AS m FROM audit_logs a WHERE a.retention = 'minimal'
--- values beside
SELECT * FROM (VALUES 1, 2) t(x), (VALUES t.x) u(y)
--- values beside unqualified
SELECT * FROM (VALUES 1, 2) t(x) CROSS JOIN (VALUES x) u(y)
--- values lateral
--- refused: sampling and recursion
SELECT * FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (VALUES t.x) u(y)
--- order by alias in subquery
SELECT x AS y FROM (VALUES 1, 2) t(x) ORDER BY (SELECT -max(v) * y FROM (VALUES 1) w(v))
--- using of around
SELECT k FROM (VALUES 1, 2) a(k) JOIN (VALUES 2) b(k) USING (k) WHERE EXISTS (SELECT v FROM (VALUES 2) w(v) WHERE v = k)
--- using of around, full
SELECT k FROM (VALUES 1, 2) a(k) FULL JOIN (VALUES 2, 3) b(k) USING (k) WHERE EXISTS (SELECT v FROM (VALUES 1, 3) w(v) WHERE v = k)
--- using of around, captured
--- refused: sampling and recursion
SELECT k FROM (VALUES 1, 2) a(k) FULL JOIN (VALUES 2, 3) b(k) USING (k) WHERE EXISTS (SELECT v AS k FROM (VALUES 1, 3) w(v) WHERE v = k)
--- case of alias
SELECT X FROM (VALUES 1, 5) "T"("X") WHERE EXISTS (SELECT v AS x FROM (VALUES 1, 3) w(v) WHERE v = x)
--- table of around without alias
SELECT seq FROM audit_logs WHERE retention = 'minimal' AND EXISTS (SELECT v AS seq FROM (VALUES 6, 7) w(v) WHERE v = seq)
--- cte of around
WITH q AS (SELECT 1 AS x UNION ALL SELECT 5) SELECT x FROM q WHERE EXISTS (SELECT v AS x FROM (VALUES 1, 3) w(v) WHERE v = x)
--- view of around
SELECT actor_id FROM audit_logs WHERE seq < 3 AND (SELECT count(*) FROM (SELECT v AS seq FROM (VALUES 1, 2) w(v) WHERE v = seq)) > 0
--- unnest of around
SELECT x, (SELECT sum(e) AS x FROM UNNEST(sequence(1, x)) u(e)) FROM (VALUES 1, 3) t(x)
--- unnest beside
SELECT e FROM (SELECT ARRAY[1, 2] AS x) CROSS JOIN UNNEST(x) u(e)
--- group by of around
SELECT x, (SELECT max(v) AS x FROM (VALUES 1, 2, 3) w(v) WHERE v <= x) FROM (VALUES 1, 3) t(x)
--- both sides
SELECT count(*) FROM (VALUES 1,2) a(x) JOIN ((VALUES 1) b(y) JOIN (VALUES 1,2) c(z) ON b.y = c.z) ON a.x = c.z
--- on then unnest
SELECT count(*) FROM (VALUES ARRAY[1,2]) a(x) JOIN (VALUES 1, 2) b(y) ON b.y = cardinality(a.x) CROSS JOIN UNNEST(a.x) u(z)
--- on of outer
SELECT x, (SELECT count(*) FROM (VALUES 1) b(y) JOIN (VALUES 1,2) c(z) ON c.z = x) FROM (VALUES 1, 9) a(x)
--- duplicate relations
SELECT x, y FROM (VALUES 1) t(x), (VALUES 2) t(y)
--- duplicate relations around
SELECT x, y FROM (VALUES 1) t(x), (VALUES 2) t(y) WHERE EXISTS (SELECT 1 FROM (VALUES 1) w(v) WHERE v = x)
--- lateral with a scalar union
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT (SELECT max(v) FROM (SELECT t.x AS v UNION ALL SELECT 7) q) AS y) u
--- lateral with union in where
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT 1 AS y FROM (VALUES 1) w(v) WHERE t.x IN (SELECT 1 UNION SELECT 3)) u
--- lateral with and a name in its select list
--- refused: sampling and recursion
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (WITH q AS (SELECT 5 AS y) SELECT y + t.x AS y FROM q) u
