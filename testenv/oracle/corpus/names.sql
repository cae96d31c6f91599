--- unnest using
SELECT k, a FROM (VALUES (1,'x'),(2,'y')) t(k,a) JOIN UNNEST(ARRAY[1,3]) AS u(k) USING (k)
--- left unnest using
SELECT k FROM (VALUES 1, 2) t(k) LEFT JOIN UNNEST(ARRAY[1,3]) AS u(k) USING (k)
--- made name reached
SELECT __audit_q1.action FROM (SELECT action FROM audit_logs)
--- made name reached by star
SELECT __audit_q1.* FROM (SELECT action FROM audit_logs WHERE seq = 1)
--- made name in using
SELECT 1 FROM (VALUES 1) a(x) JOIN (VALUES 1) b(x) USING (__audit_col0)
--- item is column, lateral
--- refused: sampling and recursion
SELECT u.k FROM (VALUES 1) a(k) JOIN (VALUES 1) b(k) USING (k) CROSS JOIN LATERAL (SELECT k) u
--- item is column, scalar
SELECT (SELECT k) FROM (VALUES 1, 2) a(k) JOIN (VALUES 1, 2) b(k) USING (k)
--- item is column, full
SELECT (SELECT k) FROM (VALUES 1, 2) a(k) FULL JOIN (VALUES 3, 2) b(k) USING (k)
--- item is column, order
SELECT (SELECT k FROM (VALUES 1) w(v) ORDER BY k) FROM (VALUES 1, 2) a(k) JOIN (VALUES 1, 2) b(k) USING (k)
--- item is column, two levels
SELECT (SELECT k FROM (SELECT k) q) FROM (VALUES 1, 2) a(k) JOIN (VALUES 1, 2) b(k) USING (k)
--- item is column, exists
SELECT k FROM (VALUES 1, 2) a(k) JOIN (VALUES 1, 2) b(k) USING (k) WHERE EXISTS (SELECT k FROM (VALUES 2) w(v) WHERE v = k)
--- item is column, called so by another relation
SELECT (SELECT x FROM (VALUES 3) t(y)) FROM (VALUES 1, 2) t(x)
--- item is column, having
SELECT (SELECT max(v) FROM (VALUES 1, 2) w(v) HAVING max(v) > k) FROM (VALUES 1, 2) a(k) JOIN (VALUES 1, 2) b(k) USING (k)
--- parameter called as relation
SELECT u.x FROM audit_logs e CROSS JOIN UNNEST(transform(split(details, ','), e -> e || action)) u(x) WHERE e.seq < 3 ORDER BY 1
--- parameter called as relation, scalar
SELECT (SELECT cardinality(filter(ARRAY['a', 'b'], e -> e < action))) FROM audit_logs e WHERE seq < 3 ORDER BY 1
--- parameter called as relation, one level
--- refused: types
SELECT transform(ARRAY['a'], e -> e || action) FROM audit_logs e WHERE seq < 3 ORDER BY 1
--- parameter called as relation, where
SELECT seq FROM audit_logs e WHERE seq < 3 AND EXISTS (SELECT 1 FROM (VALUES 'a', 'b') w(v) WHERE cardinality(filter(ARRAY[v], e -> e < action)) > 0)
--- column called as relation
SELECT seq FROM audit_logs e WHERE seq < 4 AND EXISTS (SELECT e FROM (VALUES 1, 2) w(e) WHERE e = seq)
--- column called as relation, own
SELECT action.seq FROM audit_logs action WHERE seq < 4 AND EXISTS (SELECT 1 FROM (VALUES 1, 2) w(v) WHERE v = seq)
--- full left
SELECT k FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) LEFT JOIN (VALUES 2) c(k) USING (k)
--- full left, another column
SELECT k, z FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) LEFT JOIN (VALUES (2, 'z')) c(k, z) USING (k)
--- full inner
SELECT k FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) JOIN (VALUES 2) c(k) USING (k)
--- full full
SELECT k FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) FULL JOIN (VALUES 2, 3) c(k) USING (k)
--- full right
SELECT k FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) RIGHT JOIN (VALUES 2, 3) c(k) USING (k)
--- full right, count
SELECT k, x, y, z FROM (VALUES (1, 'a')) a(k, x) FULL JOIN (VALUES (2, 'b')) b(k, y) USING (k) RIGHT JOIN (VALUES (2, 'c'), (3, 'd')) c(k, z) USING (k)
--- left full
SELECT k, x, y, z FROM (VALUES (1, 'a')) a(k, x) LEFT JOIN (VALUES (2, 'b')) b(k, y) USING (k) FULL JOIN (VALUES (2, 'c'), (3, 'd')) c(k, z) USING (k)
--- right full
SELECT k, x, y, z FROM (VALUES (1, 'a')) a(k, x) RIGHT JOIN (VALUES (2, 'b')) b(k, y) USING (k) FULL JOIN (VALUES (2, 'c'), (3, 'd')) c(k, z) USING (k)
--- right left
SELECT k, x, y, z FROM (VALUES (1, 'a')) a(k, x) RIGHT JOIN (VALUES (2, 'b')) b(k, y) USING (k) LEFT JOIN (VALUES (2, 'c'), (3, 'd')) c(k, z) USING (k)
--- right right
SELECT k, x, y, z FROM (VALUES (1, 'a')) a(k, x) RIGHT JOIN (VALUES (2, 'b')) b(k, y) USING (k) RIGHT JOIN (VALUES (2, 'c'), (3, 'd')) c(k, z) USING (k)
--- left right
SELECT k, x, y, z FROM (VALUES (1, 'a'), (2, 'e')) a(k, x) LEFT JOIN (VALUES (2, 'b')) b(k, y) USING (k) RIGHT JOIN (VALUES (2, 'c'), (3, 'd')) c(k, z) USING (k)
--- left left
SELECT k, x, y, z FROM (VALUES (1, 'a'), (2, 'e')) a(k, x) LEFT JOIN (VALUES (2, 'b')) b(k, y) USING (k) LEFT JOIN (VALUES (2, 'c'), (1, 'd')) c(k, z) USING (k)
--- inner full
SELECT k, x, y, z FROM (VALUES (1, 'a'), (2, 'e')) a(k, x) JOIN (VALUES (2, 'b')) b(k, y) USING (k) FULL JOIN (VALUES (2, 'c'), (1, 'd')) c(k, z) USING (k)
--- inner right
SELECT k, x, y, z FROM (VALUES (1, 'a'), (2, 'e')) a(k, x) JOIN (VALUES (2, 'b')) b(k, y) USING (k) RIGHT JOIN (VALUES (2, 'c'), (1, 'd')) c(k, z) USING (k)
--- right inner
SELECT k, x, y, z FROM (VALUES (1, 'a'), (2, 'e')) a(k, x) RIGHT JOIN (VALUES (2, 'b'), (3, 'f')) b(k, y) USING (k) JOIN (VALUES (2, 'c'), (3, 'd')) c(k, z) USING (k)
--- three: right full left
SELECT k, w, x, y, z FROM (VALUES (1, 'a')) a(k, w) RIGHT JOIN (VALUES (2, 'b')) b(k, x) USING (k) FULL JOIN (VALUES (3, 'c')) c(k, y) USING (k) LEFT JOIN (VALUES (2, 'd'), (3, 'e')) d(k, z) USING (k)
--- three: full full full
SELECT k, w, x, y, z FROM (VALUES (1, 'a')) a(k, w) FULL JOIN (VALUES (2, 'b')) b(k, x) USING (k) FULL JOIN (VALUES (3, 'c')) c(k, y) USING (k) FULL JOIN (VALUES (2, 'd'), (3, 'e')) d(k, z) USING (k)
--- three: left right left
SELECT k, w, x, y, z FROM (VALUES (1, 'a')) a(k, w) LEFT JOIN (VALUES (2, 'b')) b(k, x) USING (k) RIGHT JOIN (VALUES (3, 'c')) c(k, y) USING (k) LEFT JOIN (VALUES (2, 'd'), (3, 'e')) d(k, z) USING (k)
--- three: left full right
SELECT k, w, x, y, z FROM (VALUES (1, 'a')) a(k, w) LEFT JOIN (VALUES (1, 'b')) b(k, x) USING (k) FULL JOIN (VALUES (3, 'c')) c(k, y) USING (k) RIGHT JOIN (VALUES (1, 'd'), (3, 'e')) d(k, z) USING (k)
--- full on the right
SELECT k, x, y, z FROM (VALUES (1, 'a'), (2, 'x')) a(k, x) LEFT JOIN ((VALUES (1, 'b')) b(k, y) FULL JOIN (VALUES (2, 'c')) c(k, z) USING (k)) USING (k)
--- full then on
SELECT k, z FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) LEFT JOIN (VALUES (2, 'z')) c(j, z) ON k = j
--- full then on in subquery
SELECT k, z FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) LEFT JOIN (VALUES (2, 'z')) c(j, z) ON j IN (SELECT k)
--- full then where
SELECT k FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) WHERE k = 2
--- full then group
SELECT k, count(*) FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) GROUP BY k ORDER BY k
--- full then group sets
SELECT k, count(*), grouping(k) FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) GROUP BY ROLLUP (k) ORDER BY k
--- full then order
SELECT count(*) OVER (ORDER BY k) FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) ORDER BY k DESC
--- full of two
SELECT k, j FROM (VALUES (1, 1)) a(k, j) FULL JOIN (VALUES (2, 1), (1, NULL)) b(k, j) USING (k, j)
--- full with NULL
SELECT k, j FROM (VALUES (NULL, 1)) a(k, j) FULL JOIN (VALUES (NULL, 2)) b(k, i) USING (k)
--- full of two then one
SELECT k, j, z FROM (VALUES (1, 1)) a(k, j) FULL JOIN (VALUES (2, 1)) b(k, j) USING (k, j) LEFT JOIN (VALUES (2, 'z')) c(k, z) USING (k)
--- full then other using
SELECT k, j, z FROM (VALUES (1, 1)) a(k, j) FULL JOIN (VALUES (2)) b(k) USING (k) LEFT JOIN (VALUES (1, 'z')) c(j, z) USING (j)
--- full then unnest of it
SELECT k, z FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) CROSS JOIN UNNEST(ARRAY[k]) u(z)
--- full then lateral of it
--- refused: sampling and recursion
SELECT k, z FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k) CROSS JOIN LATERAL (SELECT k + 1 AS z) u
--- right then lateral of it
--- refused: sampling and recursion
SELECT k, z FROM (VALUES 1) a(k) RIGHT JOIN (VALUES 2) b(k) USING (k) CROSS JOIN LATERAL (SELECT k + 1 AS z) u
--- full then scalar of it
SELECT (SELECT k + 1) FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k)
--- right then scalar of it
SELECT (SELECT k + 1) FROM (VALUES 1) a(k) RIGHT JOIN (VALUES 2) b(k) USING (k)
--- full using in a function
SELECT transform(ARRAY[1], x -> x + k) FROM (VALUES 1) a(k) FULL JOIN (VALUES 2) b(k) USING (k)
--- exists two up
SELECT x FROM (VALUES 1, 2) t(x) WHERE EXISTS (SELECT 1 FROM (VALUES 1) w(v) WHERE EXISTS (SELECT 1 FROM (VALUES 2) z(u) WHERE u = t.x))
--- exists two up, both
SELECT x FROM (VALUES 1, 2) t(x) WHERE EXISTS (SELECT 1 FROM (VALUES 1) w(v) WHERE EXISTS (SELECT 1 FROM (VALUES 2) z(u) WHERE u = t.x AND w.v = 1))
--- exists in scalar, two up
SELECT x, (SELECT count(*) FROM (VALUES 1) w(v) WHERE EXISTS (SELECT 1 FROM (VALUES 2) z(u) WHERE u = t.x)) FROM (VALUES 1, 2) t(x)
--- scalar in exists, two up
SELECT x FROM (VALUES 1, 2) t(x) WHERE EXISTS (SELECT 1 FROM (VALUES 1) w(v) WHERE (SELECT max(u) FROM (VALUES 2) z(u) WHERE u = t.x) = 2)
--- scalar in scalar, two up
SELECT x, (SELECT (SELECT max(u) FROM (VALUES 2) z(u) WHERE u = t.x)) FROM (VALUES 1, 2) t(x)
--- scalar in scalar of a table, two up
SELECT x, (SELECT max((SELECT max(u) FROM (VALUES 2) z(u) WHERE u = t.x)) FROM (VALUES 1) w(v)) FROM (VALUES 1, 2) t(x)
--- scalar in scalar where, two up
SELECT x, (SELECT max(v) FROM (VALUES 1) w(v) WHERE v = (SELECT max(u) FROM (VALUES 1) z(u) WHERE u = t.x)) FROM (VALUES 1, 2) t(x)
--- in in exists, two up
SELECT x FROM (VALUES 1, 2) t(x) WHERE EXISTS (SELECT 1 FROM (VALUES 1, 2) w(v) WHERE v IN (SELECT u FROM (VALUES 2) z(u) WHERE u = t.x))
--- subquery of from in exists, two up
SELECT x FROM (VALUES 1, 2) t(x) WHERE EXISTS (SELECT 1 FROM (SELECT u FROM (VALUES 2) z(u) WHERE u = t.x) q)
--- in of two up
SELECT x FROM (VALUES 1, 2) t(x) WHERE 1 IN (SELECT v FROM (VALUES 1) w(v) WHERE v IN (SELECT u FROM (VALUES 1) z(u) WHERE u = t.x))
--- exists in select list, two up
SELECT x, EXISTS (SELECT 1 FROM (VALUES 1) w(v) WHERE EXISTS (SELECT 1 FROM (VALUES 2) z(u) WHERE u = t.x)) FROM (VALUES 1, 2) t(x)
--- order limit 1
SELECT x, (SELECT v FROM (VALUES 1, 3) w(v) ORDER BY v * x LIMIT 1) FROM (VALUES 1, -1) t(x)
--- order limit 1, where equal
SELECT x, (SELECT v FROM (VALUES (1, 1), (3, 2)) w(v, u) WHERE u = x ORDER BY v LIMIT 1) FROM (VALUES 1, 2) t(x)
--- order limit 1, both
SELECT x, (SELECT v FROM (VALUES (1, 1), (3, 2)) w(v, u) WHERE u = x ORDER BY v * x LIMIT 1) FROM (VALUES 1, 2) t(x)
--- order without limit
SELECT x, (SELECT v FROM (VALUES 1) w(v) ORDER BY v * x) FROM (VALUES 1, -1) t(x)
--- order in exists
--- refused: sampling and recursion
SELECT x FROM (VALUES 1, -1) t(x) WHERE EXISTS (SELECT v FROM (VALUES 1) w(v) ORDER BY v * x LIMIT 1)
--- order in in
SELECT x FROM (VALUES 1, -1) t(x) WHERE 3 IN (SELECT v FROM (VALUES 1, 3) w(v) ORDER BY v * x LIMIT 1)
--- order in aggregate
SELECT x, (SELECT max(v) FROM (VALUES 1, 3) w(v) GROUP BY v ORDER BY max(v) * x LIMIT 1) FROM (VALUES 1, -1) t(x)
--- order in from
SELECT x, (SELECT sum(v) FROM (SELECT v FROM (VALUES 1, 3) w(v) ORDER BY v * x LIMIT 1) q) FROM (VALUES 1, -1) t(x)
--- order by subquery of outer
SELECT x FROM (VALUES 1, -1) t(x) ORDER BY (SELECT max(v) FROM (VALUES 1) w(v) WHERE v = x)
--- limit 2
SELECT x, (SELECT v FROM (VALUES 1, 3) w(v) WHERE v >= x LIMIT 2) FROM (VALUES 2, 3) t(x)
--- limit in in
SELECT x FROM (VALUES 1, 5) t(x) WHERE 3 IN (SELECT v FROM (VALUES 3) w(v) WHERE v >= x LIMIT 1)
--- exists on a row field
SELECT r.a FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t WHERE EXISTS (SELECT 1 FROM (VALUES 1, 3) w(v) WHERE v = r.a)
--- scalar on a row field
SELECT (SELECT max(v) FROM (VALUES 1, 3) w(v) WHERE v = r.a) FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t
--- scalar of a row field
SELECT (SELECT r.a) FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t
--- in on a row field
SELECT r.a FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t WHERE 1 IN (SELECT v FROM (VALUES 1, 3) w(v) WHERE v = r.a)
--- exists on a row field, qualified
SELECT r.a FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t WHERE EXISTS (SELECT 1 FROM (VALUES 1, 3) w(v) WHERE v = t.r.a)
--- exists on a row field from in
SELECT r.a FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t WHERE r.a IN (SELECT v FROM (VALUES 1, 3) w(v))
--- exists on a row, not
SELECT r.a FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t WHERE NOT EXISTS (SELECT 1 FROM (VALUES 1, 3) w(v) WHERE v = r.a)
--- exists on a row field, not equal
SELECT r.a FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t WHERE EXISTS (SELECT 1 FROM (VALUES 1, 3) w(v) WHERE v < r.a + 1)
--- exists on a row field in list
SELECT EXISTS (SELECT 1 FROM (VALUES 1, 3) w(v) WHERE v = r.a) FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t
--- exists on an array element
SELECT r[1] FROM (SELECT ARRAY[1] AS r) t WHERE EXISTS (SELECT 1 FROM (VALUES 1, 3) w(v) WHERE v = r[1])
--- exists on json
SELECT r FROM (VALUES '{"a":1}') t(r) WHERE EXISTS (SELECT 1 FROM (VALUES '1', '3') w(v) WHERE v = json_extract_scalar(r, '$.a'))
--- correlated in having
SELECT x, (SELECT max(v) FROM (VALUES 1, 3) w(v) HAVING max(v) > x) FROM (VALUES 1, 5) t(x)
--- correlated in having of exists
SELECT x FROM (VALUES 1, 5) t(x) WHERE EXISTS (SELECT max(v) FROM (VALUES 1, 3) w(v) HAVING max(v) > x)
--- correlated in having of in
SELECT x FROM (VALUES 1, 5) t(x) WHERE 3 IN (SELECT max(v) FROM (VALUES 1, 3) w(v) HAVING max(v) > x)
--- correlated in list
SELECT x, (SELECT max(v) + x FROM (VALUES 1, 3) w(v)) FROM (VALUES 1, 5) t(x)
--- correlated in list no aggregate
SELECT x, (SELECT v + x FROM (VALUES 1) w(v)) FROM (VALUES 1, 5) t(x)
--- correlated where, distinct
SELECT x, (SELECT DISTINCT v FROM (VALUES 1, 1, 5) w(v) WHERE v = x) FROM (VALUES 1, 5) t(x)
--- correlated where, not distinct
SELECT x, (SELECT v FROM (VALUES 1, 1, 5) w(v) WHERE v = x) FROM (VALUES 5, 7) t(x)
--- correlated values
SELECT x, (VALUES x) FROM (VALUES 1, 5) t(x)
--- correlated values in exists
SELECT x FROM (VALUES 1, 5) t(x) WHERE EXISTS (VALUES x)
--- correlated join on
SELECT x, (SELECT count(*) FROM (VALUES 1, 3) w(v) JOIN (VALUES 1, 3) z(u) ON u = v AND u > x) FROM (VALUES 1, 5) t(x)
--- correlated left join on
SELECT x, (SELECT count(u) FROM (VALUES 1, 3) w(v) LEFT JOIN (VALUES 1, 3) z(u) ON u = v AND u > x) FROM (VALUES 1, 5) t(x)
--- correlated full join on
SELECT x, (SELECT count(u) FROM (VALUES 1, 3) w(v) FULL JOIN (VALUES 1, 3) z(u) ON u = v AND u > x) FROM (VALUES 1, 5) t(x)
--- correlated unnest
SELECT x, (SELECT sum(e) FROM UNNEST(ARRAY[x, 2]) u(e)) FROM (VALUES 1, 5) t(x)
--- exists of correlated aggregate
SELECT x FROM (VALUES 1, 5) t(x) WHERE EXISTS (SELECT max(v) FROM (VALUES 1, 3) w(v) WHERE v = x)
--- exists of correlated group
SELECT x FROM (VALUES 1, 5) t(x) WHERE EXISTS (SELECT max(v) FROM (VALUES 1, 3) w(v) WHERE v = x GROUP BY v)
--- count of correlated not equal
SELECT x, (SELECT count(*) FROM (VALUES 1, 3) w(v) WHERE v > x) FROM (VALUES 1, 5) t(x)
--- correlated in on
SELECT a.x, b.y FROM (VALUES 1, 2) a(x) JOIN (VALUES 1, 2) b(y) ON EXISTS (SELECT 1 FROM (VALUES 3) w(v) WHERE v = a.x + b.y)
--- correlated in left on
SELECT a.x, b.y FROM (VALUES 1, 2) a(x) LEFT JOIN (VALUES 1, 2) b(y) ON EXISTS (SELECT 1 FROM (VALUES 3) w(v) WHERE v = a.x + b.y)
--- correlated in on, scalar
SELECT a.x, b.y FROM (VALUES 1, 2) a(x) JOIN (VALUES 1, 2) b(y) ON b.y = (SELECT max(v) FROM (VALUES 1, 3) w(v) WHERE v = a.x)
--- correlated in full on
SELECT a.x, b.y FROM (VALUES 1, 2) a(x) FULL JOIN (VALUES 1, 2) b(y) ON EXISTS (SELECT 1 FROM (VALUES 1) w(v) WHERE v = a.x)
--- subquery in group by
SELECT (SELECT max(v) FROM (VALUES 1) w(v) WHERE v = x), count(*) FROM (VALUES 1, 2) t(x) GROUP BY 1
--- subquery in aggregate
SELECT sum((SELECT max(v) FROM (VALUES 1) w(v) WHERE v = x)) FROM (VALUES 1, 2) t(x)
--- subquery beside aggregate
SELECT x, (SELECT max(v) FROM (VALUES 1) w(v) WHERE v = x), count(*) FROM (VALUES 1, 2) t(x) GROUP BY x
--- subquery beside aggregate, not grouped
SELECT (SELECT max(v) FROM (VALUES 1) w(v) WHERE v = x), count(*) FROM (VALUES 1, 2) t(x)
--- subquery of a group's other column
SELECT x, (SELECT max(v) FROM (VALUES 1) w(v) WHERE v = y) FROM (VALUES (1, 2)) t(x, y) GROUP BY x
--- subquery in having
SELECT x FROM (VALUES 1, 2) t(x) GROUP BY x HAVING x = (SELECT max(v) FROM (VALUES 1) w(v) WHERE v = x)
--- subquery in having of a count
SELECT x FROM (VALUES 1, 2) t(x) GROUP BY x HAVING EXISTS (SELECT 1 FROM (VALUES 1) w(v) WHERE v = count(*))
--- subquery in filter
SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM (VALUES 1) w(v) WHERE v = x)) FROM (VALUES 1, 2) t(x)
--- subquery in window
SELECT sum(x) OVER (ORDER BY (SELECT max(v) FROM (VALUES 1) w(v) WHERE v = x)) FROM (VALUES 1, 2) t(x)
--- subquery in case
SELECT CASE WHEN x = 1 THEN (SELECT max(v) FROM (VALUES 1) w(v) WHERE v = x) END FROM (VALUES 1, 2) t(x)
--- scalar of several rows in case
SELECT CASE WHEN x = 1 THEN 1 ELSE (SELECT v FROM (VALUES 1, 2) w(v)) END FROM (VALUES 1) t(x)
--- scalar of several rows in exists
SELECT x FROM (VALUES 1) t(x) WHERE EXISTS (SELECT (SELECT v FROM (VALUES 1, 2) w(v)))
--- correlated scalar of several rows
SELECT (SELECT v FROM (VALUES 1, 2) w(v) WHERE v > x) FROM (VALUES 0) t(x)
--- not in null
SELECT x FROM (VALUES 1, 2, NULL) t(x) WHERE x NOT IN (SELECT v FROM (VALUES 1, NULL) w(v))
--- in null list
SELECT x, x IN (SELECT v FROM (VALUES 1, NULL) w(v)), x NOT IN (SELECT v FROM (VALUES 1) w(v)) FROM (VALUES 1, 2, NULL) t(x)
--- in of nothing
SELECT x, x IN (SELECT v FROM (VALUES 1) w(v) WHERE false) FROM (VALUES 1, NULL) t(x)
--- correlated in with nulls
SELECT x, x IN (SELECT v FROM (VALUES (1, 1), (2, NULL)) w(u, v) WHERE u = x) FROM (VALUES 1, 2, 3, NULL) t(x)
--- any all
SELECT x, x = ANY (SELECT v FROM (VALUES 1, NULL) w(v)), x <> ALL (SELECT v FROM (VALUES 1, NULL) w(v)), x > ALL (SELECT v FROM (VALUES 0) w(v)) FROM (VALUES 1, 2) t(x)
--- any less
SELECT x, x < ANY (SELECT v FROM (VALUES 1, 2) w(v)) FROM (VALUES 1, 2) t(x)
--- all of nothing
SELECT x > ALL (SELECT v FROM (VALUES 1) w(v) WHERE false), x > ANY (SELECT v FROM (VALUES 1) w(v) WHERE false) FROM (VALUES 1, NULL) t(x)
--- some
SELECT x = SOME (SELECT v FROM (VALUES 1) w(v)) FROM (VALUES 1, 2) t(x)
--- any with null
SELECT x > ANY (SELECT v FROM (VALUES 1, NULL) w(v)), x > ALL (SELECT v FROM (VALUES 1, NULL) w(v)) FROM (VALUES 1, 2, 0) t(x)
--- equal all
SELECT x = ALL (SELECT v FROM (VALUES 1, 1) w(v)), x <> ANY (SELECT v FROM (VALUES 1, 2) w(v)) FROM (VALUES 1, 2) t(x)
--- in several columns of rows
SELECT 1 WHERE (1, 2) IN (SELECT ROW(1, 2))
--- in of a row subquery
SELECT 1 WHERE (1, 2) IN (SELECT (1, 2))
--- exists star
SELECT 1 WHERE EXISTS (SELECT * FROM audit_logs)
--- exists of several columns
SELECT 1 WHERE EXISTS (SELECT 1, 2 WHERE false)
--- scalar star
SELECT (SELECT * FROM (VALUES 1) t(x))
--- having alias
SELECT x AS y, count(*) AS c FROM (VALUES 1, 2, 2) t(x) GROUP BY x HAVING c > 1
--- having alias of group
SELECT x AS y, count(*) AS c FROM (VALUES 1, 2, 2) t(x) GROUP BY x HAVING y > 1
--- group by alias
SELECT x + 1 AS y, count(*) FROM (VALUES 1, 2, 2) t(x) GROUP BY y
--- group by alias that is a column
SELECT -x AS x, count(*) FROM (VALUES 1, 2, 2) t(x) GROUP BY x
--- group by alias that is another column
SELECT y AS x, count(*) FROM (VALUES (1, 5), (2, 5)) t(x, y) GROUP BY x
--- group by alias that is another column, grouped
SELECT y AS x, count(*) FROM (VALUES (1, 5), (2, 5)) t(x, y) GROUP BY x, y
--- order both
SELECT -x AS x FROM (VALUES 1, 2) t(x) ORDER BY x
--- order both qualified
SELECT -x AS x FROM (VALUES 1, 2) t(x) ORDER BY t.x
--- order both grouped
SELECT -x AS x, count(*) FROM (VALUES 1, 2, 2) t(x) GROUP BY x ORDER BY x
--- order both grouped expression
--- refused: text in an unclear form
SELECT -x AS x, count(*) FROM (VALUES 1, 2, 2) t(x) GROUP BY x ORDER BY x + 0
--- order by alias and function
SELECT x AS y FROM (VALUES 1, 2) t(x) ORDER BY -y
--- order by of aggregate alias
SELECT max(x) AS x FROM (VALUES 1, 2) t(x) GROUP BY x ORDER BY max(x)
--- order by aggregate of an alias
SELECT max(x) AS y FROM (VALUES 1, 2) t(x) ORDER BY max(y)
--- order by not selected
SELECT x FROM (VALUES (1, 2), (2, 1)) t(x, y) ORDER BY y
--- order by not grouped
SELECT x FROM (VALUES (1, 2), (2, 1)) t(x, y) GROUP BY x ORDER BY y
--- order by aggregate not selected
SELECT x FROM (VALUES (1, 2), (2, 1)) t(x, y) GROUP BY x ORDER BY max(y)
--- order by aggregate without group
SELECT 1 FROM (VALUES (1, 2), (2, 1)) t(x, y) ORDER BY max(y)
--- order by aggregate without group, a column
SELECT x FROM (VALUES (1, 2), (2, 1)) t(x, y) ORDER BY max(y)
--- distinct order
SELECT DISTINCT x FROM (VALUES (1, 2), (2, 1)) t(x, y) ORDER BY y
--- distinct order expression
SELECT DISTINCT x + 1 FROM (VALUES 1, 2) t(x) ORDER BY x + 1
--- distinct order expression of column
SELECT DISTINCT x FROM (VALUES 1, 2) t(x) ORDER BY x + 1
--- distinct order alias
SELECT DISTINCT -x AS x FROM (VALUES 1, 2) t(x) ORDER BY x
--- distinct order qualified alias
SELECT DISTINCT -x AS x FROM (VALUES 1, 2) t(x) ORDER BY t.x
--- distinct order qualified
SELECT DISTINCT x FROM (VALUES 1, 2) t(x) ORDER BY t.x DESC
--- distinct order qualified by another
SELECT DISTINCT a.x FROM (VALUES 1, 2) a(x), (VALUES 3, 4) b(x) ORDER BY b.x
--- distinct order renamed
SELECT DISTINCT x AS y FROM (VALUES 1, 2) t(x) ORDER BY x
--- distinct order renamed qualified
SELECT DISTINCT x AS y FROM (VALUES 1, 2) t(x) ORDER BY t.x
--- distinct order number
SELECT DISTINCT -x FROM (VALUES 1, 2) t(x) ORDER BY 1
--- distinct order swapped
SELECT DISTINCT x AS y, y AS x FROM (VALUES (1, 4), (2, 3)) t(x, y) ORDER BY x
--- distinct order swapped qualified
SELECT DISTINCT x AS y, y AS x FROM (VALUES (1, 4), (2, 3)) t(x, y) ORDER BY t.x
--- order swapped qualified
SELECT x AS y, y AS x FROM (VALUES (1, 4), (2, 3)) t(x, y) ORDER BY t.x
--- order swapped
SELECT x AS y, y AS x FROM (VALUES (1, 4), (2, 3)) t(x, y) ORDER BY x
--- distinct and group
SELECT DISTINCT count(*) FROM (VALUES 1, 2) t(x) GROUP BY x ORDER BY count(*)
--- distinct limit
SELECT DISTINCT x FROM (VALUES 1, 2, 1) t(x) ORDER BY x LIMIT 1
--- having without group
SELECT 1 FROM (VALUES 2, 1) t(x) HAVING count(*) > 1
--- having without group and aggregate
SELECT 1 FROM (VALUES 2, 1) t(x) HAVING true
--- having a column
SELECT x FROM (VALUES 2, 1) t(x) HAVING x > 1
--- having nothing
SELECT count(*) FROM (VALUES 2, 1) t(x) HAVING count(*) > 5
--- with shadows table
WITH audit_logs AS (SELECT 1 AS x) SELECT x FROM audit_logs
--- with shadows and refers
WITH audit_logs AS (SELECT count(*) AS c FROM audit_logs) SELECT c > 1 FROM audit_logs
--- with qualified beside shadow
WITH audit_logs AS (SELECT 1 AS x) SELECT count(*) > 1 FROM audit.audit_logs
--- with twice
WITH q AS (SELECT 1 AS x), q AS (SELECT 2 AS x) SELECT x FROM q
--- with twice, case
WITH q AS (SELECT 1 AS x), Q AS (SELECT 2 AS x) SELECT x FROM q
--- with of the next
WITH a AS (SELECT x FROM b), b AS (SELECT 1 AS x) SELECT x FROM a
--- with of itself
WITH a AS (SELECT x FROM a) SELECT x FROM a
--- with inner shadows
WITH q AS (SELECT 1 AS x) SELECT (WITH q AS (SELECT 2 AS x) SELECT x FROM q), x FROM q
--- with inner refers outer
WITH q AS (SELECT 1 AS x) SELECT x FROM (WITH q AS (SELECT x + 1 AS x FROM q) SELECT x FROM q)
--- with after a set operation
WITH q AS (SELECT 1 AS x) SELECT x FROM q UNION ALL SELECT x + 1 FROM q
--- with within a part
SELECT 1 UNION ALL (WITH q AS (SELECT 2 AS x) SELECT x FROM q)
--- with not visible outside
SELECT x FROM (WITH q AS (SELECT 2 AS x) SELECT x FROM q) t, q
--- with unused wrong
WITH q AS (SELECT nothing) SELECT 1
--- with quoted case
WITH "Q" AS (SELECT 1 AS x) SELECT x FROM q
--- with names
WITH q (a, b) AS (SELECT 1, 2) SELECT b, a FROM q
--- with names too few
WITH q (a) AS (SELECT 1, 2) SELECT a FROM q
--- with names twice
WITH q (a, a) AS (SELECT 1, 2) SELECT 1 FROM q
--- with names twice used
WITH q (a, a) AS (SELECT 1, 2) SELECT a FROM q
--- with view's name
WITH failed_logins AS (SELECT 1 AS x) SELECT x FROM failed_logins
--- with correlated
SELECT x, (WITH q AS (SELECT x + 1 AS y) SELECT y FROM q) FROM (VALUES 1, 2) t(x)
--- with twice used correlated
SELECT x, (WITH q AS (SELECT x + 1 AS y) SELECT a.y + b.y FROM q a, q b) FROM (VALUES 1, 2) t(x)
--- qualified by table beside alias
SELECT audit_logs.seq FROM audit_logs a WHERE seq = 1
--- qualified by schema beside alias
SELECT audit.audit_logs.seq FROM audit_logs a WHERE seq = 1
--- qualified by schema where the relation is another
SELECT audit.audit_logs.x FROM (VALUES 1) audit_logs(x)
--- qualified by schema, with of the name
WITH audit_logs AS (SELECT 1 AS x) SELECT audit.audit_logs.x FROM audit_logs
--- qualified by schema, alias of the name
SELECT audit.audit_logs.seq FROM audit_logs AS audit_logs WHERE seq = 1
--- qualified by schema, of outer
SELECT (SELECT audit.audit_logs.seq) FROM audit_logs WHERE seq = 1
--- order twice
--- refused: text in an unclear form
(SELECT x FROM (VALUES 1, 2, 3) t(x) ORDER BY x LIMIT 2) ORDER BY x DESC
--- order of a subquery lost
SELECT count(*) FROM (SELECT x FROM (VALUES 1, 2, 3) t(x) ORDER BY x LIMIT 2)
--- values in subquery
SELECT x FROM (VALUES (1, 'a'), (2, 'b')) t(x, y) WHERE x IN (VALUES 1)
--- values scalar
SELECT (VALUES 1)
--- values rows
SELECT * FROM (VALUES (1, 2), (3, 4))
--- values one row
--- refused: types
SELECT * FROM (VALUES ROW(1, 2))
--- values different types
SELECT * FROM (VALUES (1, 2.5), (3.5, 4)) t(x, y)
--- values order by
VALUES (1, 2), (0, 4) ORDER BY 1
--- values order by name
VALUES 3, 1 ORDER BY _col0
--- values limit
VALUES 3, 1 LIMIT 1
--- grouping sets with names
SELECT x AS a, y AS b, count(*), grouping(x, y) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY GROUPING SETS ((x), (y), ()) ORDER BY 1, 2, 4
--- grouping sets by alias
SELECT x AS a, count(*) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY GROUPING SETS ((a), ()) ORDER BY 1
--- grouping of swapped names
SELECT y AS x, x AS y, count(*) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY GROUPING SETS ((x, y), (x)) ORDER BY 1, 2
--- grouping of alias
SELECT x AS a, grouping(a) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY ROLLUP (x)
--- grouping qualified
SELECT t.x, grouping(x) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY ROLLUP (t.x) ORDER BY 2
--- rollup and plain
SELECT x, y, count(*) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY x, ROLLUP (y) ORDER BY 1, 2
--- rollup twice
SELECT x, y, count(*) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY ROLLUP (x), ROLLUP (y) ORDER BY 1, 2, 3
--- grouping set with expression of a name
SELECT x + 1, count(*) FROM (VALUES 1, 1) t(x) GROUP BY ROLLUP (x) ORDER BY 1
--- group by distinct
SELECT x, y, count(*) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY DISTINCT ROLLUP (x), ROLLUP (x)
--- group by nothing
SELECT count(*) FROM (VALUES 1, 1) t(x) GROUP BY ()
--- group by nothing of none
SELECT count(*) FROM (VALUES 1, 1) t(x) WHERE false GROUP BY ()
--- rollup of none
SELECT x, count(*) FROM (VALUES 1, 1) t(x) WHERE false GROUP BY ROLLUP (x)
--- group by constant
SELECT count(*) FROM (VALUES 1, 1) t(x) GROUP BY 'a'
--- group by true
SELECT count(*) FROM (VALUES 1, 1) t(x) GROUP BY true
--- group by 0
SELECT count(*) FROM (VALUES 1, 1) t(x) GROUP BY 0
--- group by 3
SELECT x FROM (VALUES 1, 1) t(x) GROUP BY 3
--- order by 3
SELECT x FROM (VALUES 1, 1) t(x) ORDER BY 3
--- order by 0
SELECT x FROM (VALUES 1, 1) t(x) ORDER BY 0
--- order by minus 1
SELECT x FROM (VALUES 1, 1) t(x) ORDER BY -1
--- group by 1 + 1
SELECT x FROM (VALUES 1, 1) t(x) GROUP BY x, 1 + 1
--- distinct on
SELECT DISTINCT ON (x) x FROM (VALUES 1, 1) t(x)
--- count of a relation's star, distinct
SELECT count(DISTINCT *) FROM (VALUES 1, NULL) t(x)
--- count of a relation's star
SELECT count(t.*) FROM (VALUES 1, NULL) t(x)
--- distinct order expression, again
SELECT DISTINCT x + 1 FROM (VALUES 1, 2, 2) t(x) ORDER BY x + 1 DESC
--- distinct order expression of alias
SELECT DISTINCT x + 1 AS x FROM (VALUES 1, 2) t(x) ORDER BY x + 1
--- distinct order expression of alias, two items
SELECT DISTINCT x + 1 AS y, -x AS x FROM (VALUES 1, 2) t(x) ORDER BY x + 1
--- distinct order expression of a plain column
SELECT DISTINCT x + 1 AS y, x FROM (VALUES 1, 2) t(x) ORDER BY x + 1 DESC
--- distinct order alias in expression
SELECT DISTINCT x + 1 AS y FROM (VALUES 1, 2) t(x) ORDER BY y + 0
--- distinct order alias of alias
SELECT DISTINCT -x AS x FROM (VALUES 1, 2) t(x) ORDER BY -x
--- distinct order qualified by another, star
SELECT DISTINCT a.*, b.x FROM (VALUES 1, 2) a(x), (VALUES 3, 4) b(x) ORDER BY a.x, b.x DESC
--- distinct order qualified by another, not in star
SELECT DISTINCT a.* FROM (VALUES 1, 2) a(x), (VALUES 3, 4) b(x) ORDER BY b.x
--- distinct order, star and qualified
SELECT DISTINCT * FROM (VALUES 1, 2) a(x), (VALUES 3, 4) b(y) ORDER BY b.y DESC, a.x DESC
--- distinct order, star and expression
SELECT DISTINCT *, x + 1 FROM (VALUES 1, 2) a(x) ORDER BY x + 1 DESC
--- distinct order, star and alias
SELECT DISTINCT *, x + 1 AS z FROM (VALUES 1, 2) a(x) ORDER BY z DESC
--- distinct order, star of a subquery
SELECT DISTINCT * FROM (SELECT 1 AS x, 2 AS y UNION ALL SELECT 0, 5) ORDER BY y DESC
--- distinct order, qualified twice
SELECT DISTINCT t.x, -t.x AS m FROM (VALUES 1, 2) t(x) ORDER BY t.x DESC, m
--- distinct order, qualified and bare
SELECT DISTINCT t.x AS y FROM (VALUES 1, 2) t(x) ORDER BY x DESC
--- distinct order of a function
SELECT DISTINCT upper(action) FROM audit_logs WHERE seq < 5 ORDER BY upper(action) DESC
--- distinct order of an aggregate
SELECT DISTINCT retention, count(*) > 0 FROM audit_logs GROUP BY retention ORDER BY count(*) > 0, retention
--- distinct order of a constant
SELECT DISTINCT 1 FROM (VALUES 1, 2) t(x) ORDER BY 'a'
--- distinct order of null
SELECT DISTINCT x FROM (VALUES 1, 2) t(x) ORDER BY NULL
--- distinct order of a window
SELECT DISTINCT row_number() OVER (ORDER BY x) FROM (VALUES 1, 2) t(x) ORDER BY row_number() OVER (ORDER BY x) DESC
--- distinct order of a subquery
SELECT DISTINCT (SELECT max(v) FROM (VALUES 1) w(v)) FROM (VALUES 1, 2) t(x) ORDER BY (SELECT max(v) FROM (VALUES 1) w(v))
--- distinct order of a cast
SELECT DISTINCT CAST(x AS varchar) FROM (VALUES 1, 10, 2) t(x) ORDER BY CAST(x AS varchar) DESC
--- distinct order of a cast, case
SELECT DISTINCT CAST(x AS VARCHAR) FROM (VALUES 1, 10, 2) t(x) ORDER BY cast(X as varchar) DESC
--- distinct order of a row field
SELECT DISTINCT r.a FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) ORDER BY r.a
--- distinct order of a field of an item
SELECT DISTINCT r.a, r.a + 1 FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) ORDER BY r.a + 1
--- distinct order by place and limit
SELECT DISTINCT x + 1 FROM (VALUES 1, 2, 2) t(x) ORDER BY x + 1 DESC LIMIT 1
--- distinct order by path
SELECT DISTINCT seq FROM audit_logs WHERE seq < 3 ORDER BY audit.audit_logs.seq DESC
--- distinct in a subquery with order of outer
SELECT x, (SELECT DISTINCT v FROM (VALUES 1) w(v) ORDER BY x) FROM (VALUES 1, 2) t(x)
--- path twice
SELECT audit.audit_logs.seq FROM audit_logs WHERE audit.audit_logs.seq = 1 ORDER BY audit.audit_logs.seq
--- path with catalogue
SELECT awsdatacatalog.audit.audit_logs.seq FROM audit_logs WHERE seq = 1
--- path of a view
SELECT count(audit.failed_logins.seq) > 0 FROM failed_logins
--- path of a view with alias
SELECT count(audit.failed_logins.seq) > 0 FROM failed_logins f
--- path in a lambda
SELECT transform(ARRAY['a'], x -> x || audit.audit_logs.action) FROM audit_logs WHERE seq = 1
--- path in a join
SELECT count(*) FROM audit_logs JOIN (VALUES 1) t(x) ON audit.audit_logs.seq = x
--- path in group by
SELECT audit.audit_logs.seq FROM audit_logs WHERE seq < 3 GROUP BY audit.audit_logs.seq ORDER BY 1
--- path in having
SELECT seq FROM audit_logs WHERE seq < 3 GROUP BY seq HAVING audit.audit_logs.seq > 1
--- path beside a bare name in group by
SELECT audit.audit_logs.seq FROM audit_logs WHERE seq < 3 GROUP BY seq ORDER BY 1
--- path of another alias in exists
SELECT count(*) > 0 FROM audit_logs WHERE EXISTS (SELECT 1 FROM (VALUES 1) w(v) WHERE v = audit.audit_logs.seq)
--- path of information_schema
SELECT information_schema.tables.table_name FROM information_schema.tables WHERE table_name = 'audit_logs'
--- renamed columns of the table and path
SELECT audit.audit_logs.x FROM (SELECT seq AS x FROM audit_logs) audit_logs LIMIT 0
--- with of the first part
(WITH q AS (SELECT 2 AS x) SELECT x FROM q) UNION ALL SELECT 1
--- with in parens
(WITH q AS (SELECT 2 AS x) SELECT x FROM q)
--- with in parens in from
SELECT x FROM ((WITH q AS (SELECT 2 AS x) SELECT x FROM q)) t
--- with before union
WITH q AS (SELECT 2 AS x) SELECT x FROM q UNION ALL SELECT 3 UNION ALL SELECT x FROM q
--- with before with in parens
WITH a AS (SELECT 1 AS x) (WITH q AS (SELECT 2 AS x) SELECT q.x + a.x FROM q, a)
--- with names twice, case
WITH q (a, "A") AS (SELECT 1, 2) SELECT 1 FROM q
--- relation's names twice
SELECT 1 FROM (VALUES (1, 2)) t(a, a)
--- relation's names twice, star
SELECT * FROM (VALUES (1, 2)) t(a, a)
--- values of a row
SELECT count(*) FROM (VALUES ROW(1, 2)) t(x)
--- values of rows
--- refused: types
SELECT y FROM (VALUES ROW(1, 2), ROW(3, 4)) t(x, y)
--- values of a cast row
--- refused: types
SELECT x FROM (VALUES CAST(ROW(1, 2) AS row(a integer, b integer))) t(x, y)
--- values of a row in parens
--- refused: types
SELECT x FROM (VALUES (ROW(1, 2))) t(x, y)
--- values of a row in a row
--- refused: types
SELECT x[1] FROM (VALUES ROW(ROW(1, 2))) t(x)
--- values of a row and a value
SELECT x[1] FROM (VALUES (ROW(1, 2), 3)) t(x, y)
--- rollup of cube
SELECT x, y, z, count(*), grouping(z, x) FROM (VALUES (1, 2, 3), (1, 3, 4)) t(x, y, z) GROUP BY ROLLUP (x, y), CUBE (z) ORDER BY 1, 2, 3, 4
--- rollup twice and plain
SELECT z, x, y, count(*) FROM (VALUES (1, 2, 3), (1, 3, 4)) t(x, y, z) GROUP BY z, ROLLUP (x), ROLLUP (y) ORDER BY 1, 2, 3, 4
--- rollup twice with expressions
SELECT x + 1, y, grouping(y) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY ROLLUP (x), ROLLUP (y) ORDER BY 1, 2, 3
--- sets twice
SELECT x, y, count(*) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY GROUPING SETS ((), (x)), GROUPING SETS ((y), ()) ORDER BY 1, 2, 3
--- rollup twice by place
SELECT x, y, count(*) FROM (VALUES (1, 2), (1, 3)) t(x, y) GROUP BY ROLLUP (x), 2 ORDER BY 1, 2, 3
--- scalar in list of from, two up
--- refused: sampling and recursion
SELECT x, (SELECT (SELECT max(u) FROM (VALUES 1, 2) z(u) WHERE u = t.x) FROM (VALUES 1) w(v)) FROM (VALUES 1, 2) t(x)
--- exists in list of from, two up
SELECT x, (SELECT EXISTS (SELECT 1 FROM (VALUES 1) z(u) WHERE u = t.x) FROM (VALUES 1) w(v)) FROM (VALUES 1, 2) t(x)
--- scalar without from in list, two up
SELECT x, (SELECT max(v) + (SELECT t.x) FROM (VALUES 1) w(v)) FROM (VALUES 1, 2) t(x)
--- scalar without from in where, two up
SELECT x, (SELECT max(v) FROM (VALUES 1, 2) w(v) WHERE v = (SELECT t.x)) FROM (VALUES 1, 2) t(x)
--- scalar of from, in where, two up
SELECT x, (SELECT max(v) FROM (VALUES 1, 2) w(v) WHERE v + 0 = (SELECT max(u) FROM (SELECT t.x AS u) q)) FROM (VALUES 1, 2) t(x)
--- scalar in having, two up
SELECT x, (SELECT max(v) FROM (VALUES 1, 2) w(v) HAVING max(v) > (SELECT max(u) FROM (VALUES 1, 2) z(u) WHERE u = t.x)) FROM (VALUES 1, 2) t(x)
--- scalar in on, two up
SELECT x, (SELECT count(*) FROM (VALUES 1, 2) w(v) JOIN (VALUES 1) z(u) ON (SELECT t.x) = u) FROM (VALUES 1, 2) t(x)
--- row field in list with from
--- refused: sampling and recursion
SELECT (SELECT max(v) + r.a FROM (VALUES 1, 3) w(v)) FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t
--- row field in list with from, no aggregate
SELECT (SELECT v + r.a FROM (VALUES 3) w(v)) FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t
--- row field in unnest
SELECT (SELECT sum(e) FROM UNNEST(ARRAY[r.a, 1]) u(e)) FROM (SELECT CAST(ROW(1) AS row(a integer)) AS r) t
--- row field beside aggregate
SELECT (SELECT count(*) FROM (VALUES 1, 3) w(v) WHERE v = element_at(m, 'a')) FROM (SELECT map(ARRAY['a'], ARRAY[1]) AS m) t
--- order limit by an outer name
SELECT x, (SELECT v FROM (VALUES 1, 3) w(v) ORDER BY x LIMIT 1) IS NULL FROM (VALUES 1, -1) t(x)
--- path as FROM has it
SELECT audit.audit_logs.seq FROM audit.audit_logs WHERE audit.audit_logs.seq = 1 ORDER BY audit_logs.seq
--- path shorter than in FROM
SELECT audit_logs.seq FROM audit.audit_logs WHERE seq = 1
--- path of outer as FROM has it
SELECT count(*) > 0 FROM audit.audit_logs WHERE EXISTS (SELECT 1 FROM (VALUES 1) w(v) WHERE v = audit.audit_logs.seq)
--- distinct order plain and function
SELECT DISTINCT action, upper(action) FROM audit_logs WHERE seq < 3 ORDER BY upper(action)
--- distinct order own text
SELECT DISTINCT 'a' FROM (VALUES 1, 2) t(x) ORDER BY 'a'
--- scalar in list beside group by, two up
--- refused: sampling and recursion
SELECT x, (SELECT (SELECT max(u) FROM (VALUES 1, 2) z(u) WHERE u = t.x) FROM (VALUES 1) w(v) GROUP BY v) FROM (VALUES 1, 2) t(x)
