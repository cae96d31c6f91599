--- FILTER without WHERE
SELECT count(*) FILTER (seq > 1) FROM audit_logs
--- EXTRACT of a text
SELECT extract('year' FROM date '2024-01-01')
--- EXTRACT of a quoted field
SELECT extract("year" FROM date '2024-01-01')
--- EXTRACT of many years
SELECT extract(years FROM date '2024-01-01')
--- FOR without FROM
SELECT substring('abc' FOR 2)
--- FOR behind FROM
SELECT substring('abcd' FROM 2 FOR 2), substring('abcd' FROM 3)
--- FOR before FROM
SELECT substring('abcd' FOR 2 FROM 2)
--- a side without FROM
SELECT trim(BOTH ' x ')
--- sides
SELECT trim(BOTH 'x' FROM 'xax'), trim(LEADING 'x' FROM 'xax'), trim(TRAILING FROM ' a '), trim(BOTH FROM ' a ')
--- a side of a column
SELECT trim(LEADING action FROM action) FROM audit_logs WHERE retention = 'minimal'
--- date_part called
SELECT date_part('year', date '2024-01-01')
--- timezone called
SELECT timezone('UTC', timestamp '2024-01-01 00:00:00 UTC')
--- like_escape called
SELECT like_escape('a', 'b', 'c')
--- not_like_escape called
SELECT not_like_escape('a', 'b', 'c')
--- count_star called
SELECT count_star() FROM audit_logs
--- count without arguments
SELECT count() FROM audit_logs WHERE retention = 'minimal'
--- count in quotes
SELECT "count"(*) FROM audit_logs WHERE retention = 'minimal'
--- to_days called
SELECT date '2024-01-01' + to_days(1)
--- to_days called with a text
SELECT date '2024-01-01' + to_days('1')
--- texts in two lines
SELECT 'a'
'b'
--- texts side by side
SELECT 'a' 'b'
--- interval of weeks
SELECT timestamp '2024-01-01 00:00:00' + interval '1' week
--- interval of many days
SELECT timestamp '2024-01-01 00:00:00' + interval '2' days
--- interval of many months
SELECT timestamp '2024-01-01 00:00:00' + interval '2' months
--- LIMIT NULL
SELECT retention FROM audit_logs WHERE retention = 'minimal' LIMIT NULL
--- LIMIT ALL
SELECT retention FROM audit_logs WHERE retention = 'minimal' LIMIT ALL
--- LIMIT in parentheses
SELECT retention FROM audit_logs WHERE retention = 'minimal' LIMIT (2)
--- LIMIT with a sign
SELECT retention FROM audit_logs WHERE retention = 'minimal' LIMIT +2
--- OFFSET NULL
SELECT retention FROM audit_logs WHERE retention = 'minimal' OFFSET NULL
--- ORDER BY a negative number
SELECT seq FROM audit_logs WHERE retention = 'minimal' ORDER BY -1, seq
--- ORDER BY a sum
SELECT seq FROM audit_logs WHERE retention = 'minimal' ORDER BY 1 + 1, seq DESC
--- ORDER BY a text
SELECT seq FROM audit_logs WHERE retention = 'minimal' ORDER BY 'x', seq DESC
--- GROUP BY a text
SELECT count(*) FROM audit_logs WHERE retention = 'minimal' GROUP BY 'x'
--- GROUP BY a negative number
SELECT count(*) FROM audit_logs WHERE retention = 'minimal' GROUP BY -1
--- GROUP BY NULL
SELECT count(*) FROM audit_logs WHERE retention = 'minimal' GROUP BY NULL
--- a comparison of a comparison
SELECT 1 = 1 = true
--- BETWEEN SYMMETRIC
SELECT 2 BETWEEN SYMMETRIC 3 AND 1
--- ANY of an array
SELECT 1 = ANY (ARRAY[1, 2])
--- the smallest integers
SELECT -2147483648, typeof(-2147483648), typeof(-2147483649), -9223372036854775807
--- the smallest bigint
SELECT -9223372036854775808
--- columns of UNNEST
SELECT * FROM UNNEST(ARRAY[1], ARRAY['a']) WITH ORDINALITY
--- an alias of a join
SELECT a.seq FROM (audit_logs a JOIN audit_logs b ON a.seq = b.seq) AS j WHERE a.retention = 'minimal'
--- max of arrays with NULL
SELECT max(x) FROM (VALUES ARRAY[1, NULL], ARRAY[1, 3]) AS t(x)
--- max of arrays
SELECT max(x), min(x) FROM (VALUES ARRAY[1, 2], ARRAY[1, 3], ARRAY[1]) AS t(x)
--- greatest of arrays
SELECT greatest(ARRAY[1, 2], ARRAY[1, 3])
--- max_by arrays
SELECT max_by(y, x) FROM (VALUES (ARRAY[1, 2], 'a'), (ARRAY[1, 3], 'b')) AS t(x, y)
--- array_max of arrays
SELECT array_max(ARRAY[ARRAY[1, 2], ARRAY[1, 3]])
--- EXCEPT ALL
SELECT x FROM (VALUES 1, 1, 2) AS t(x) EXCEPT ALL SELECT 1
--- INTERSECT ALL
SELECT x FROM (VALUES 1, 1, 2) AS t(x) INTERSECT ALL SELECT y FROM (VALUES 1, 1, 1) AS u(y)
--- an item that is called as a column
SELECT upper(retention) AS retention, count(*) FROM audit_logs GROUP BY retention ORDER BY retention
--- a group that is an item only
SELECT upper(retention) AS r, count(*) FROM audit_logs GROUP BY r
--- days of a WITH
WITH x AS (SELECT timestamp, '1999-01-01' AS dt FROM audit_logs) SELECT date(timestamp), count(*) FROM x GROUP BY 1 ORDER BY 1
--- days of a WITH without dt
WITH x AS (SELECT timestamp FROM audit_logs) SELECT date_trunc('month', timestamp), count(*) FROM x GROUP BY 1 ORDER BY 1
--- days of a WITH within
SELECT * FROM (WITH x AS (SELECT timestamp, retention AS dt FROM audit_logs) SELECT year(timestamp), count(*) FROM x GROUP BY year(timestamp)) ORDER BY 1
--- a relation and a row of one name
SELECT a.x FROM (VALUES 'relation') AS a(x) CROSS JOIN (SELECT CAST(ROW('row') AS ROW(x varchar)) AS a) AS b
--- a relation and a row of one name, with pruning
SELECT count(*) FROM audit_logs AS a CROSS JOIN (SELECT CAST(ROW('2000-01-01') AS ROW(dt varchar)) AS a) AS b WHERE a.dt > '2001-01-01'
--- a row of the query around it
SELECT (SELECT a.x FROM (VALUES 1) AS t(y)) FROM (SELECT CAST(ROW('row') AS ROW(x varchar)) AS a) AS b
--- named groups
SELECT regexp_extract('ab', '(?<x>a)b', 1), regexp_like('ab', '(?<x>a)b'), regexp_replace('ab', '(?<x>a)', '${x}c'), regexp_extract_all('ab', '(?<x>.)')
--- parentheses before <
SELECT regexp_replace('<P (<', '\(?<', 'x'), regexp_replace('(<?P', '[(?<]', 'x'), regexp_like('(?<', '\Q(?<\E'), regexp_replace('](?<', '[^](?<]', 'x')
--- names of ours
--- refused: text in an unclear form
SELECT transform(ARRAY['x'], __audit_e -> array_join(ARRAY[NULL], ',', __audit_e))
--- nth_value 0
SELECT nth_value(x, 0) OVER (ORDER BY x) FROM (VALUES 1, 2) AS t(x)
--- nth_value null
SELECT nth_value(x, NULL) OVER (ORDER BY x) FROM (VALUES 1, 2) AS t(x)
--- max nan
SELECT max(x), min(x) FROM (VALUES nan(), 1e0) AS t(x)
--- nan using
--- refused: text in an unclear form
SELECT count(*) FROM (VALUES nan()) AS a(x) JOIN (VALUES nan()) AS b(x) USING (x)
--- order nan
SELECT x FROM (VALUES nan(), 1e0, infinity(), -infinity(), NULL) AS t(x) ORDER BY x
--- nan group
SELECT x, count(*) FROM (VALUES nan(), nan(), 1e0) AS t(x) GROUP BY x ORDER BY x
--- mod overflow
SELECT x % -1 FROM (VALUES CAST(-9223372036854775807 - 1 AS bigint)) AS t(x)
--- mod
SELECT -7 % 3, 7 % -3, mod(-7.5, 2), -7 / 2, 7e0 % 0e0, -5e0 % 3
--- union order
SELECT 1 AS a UNION SELECT 2 ORDER BY a DESC
--- cte of itself
WITH audit_logs AS (SELECT * FROM audit_logs WHERE retention = 'minimal') SELECT count(*) FROM audit_logs
--- cte qualified
WITH audit_logs AS (SELECT 1 AS x) SELECT count(*) FROM audit.audit_logs
--- lambda same name
SELECT transform(ARRAY[1, 2], x -> transform(ARRAY[10], x -> x + 1))
--- left unnest
SELECT x, y FROM (VALUES ARRAY[1], ARRAY[], NULL) AS t(x) LEFT JOIN UNNEST(x) AS u(y) ON true
--- join using
SELECT k, a.v, b.v FROM (VALUES (1, 'a'), (2, 'b')) AS a(k, v) FULL JOIN (VALUES (2, 'c'), (3, 'd')) AS b(k, v) USING (k) ORDER BY k
--- range frames null
SELECT x, count(*) OVER (ORDER BY x RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING), count(*) OVER (ORDER BY x DESC RANGE BETWEEN 1 PRECEDING AND CURRENT ROW), sum(x) OVER (ORDER BY x GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM (VALUES 1, 2, 4, NULL, NULL) AS t(x) ORDER BY x
--- ALL
SELECT 1 > ALL (SELECT x FROM (VALUES 0, NULL) AS t(x)), 1 > ALL (SELECT 1 WHERE false), 1 <> ALL (SELECT NULL), 1 = SOME (SELECT 1)
--- not in null
SELECT 1 NOT IN (SELECT x FROM (VALUES 2, NULL) AS t(x)), 1 IN (SELECT x FROM (VALUES 1, NULL) AS t(x)), NULL IN (SELECT 1), NULL IN (SELECT 1 WHERE false), NULL NOT IN (SELECT 1 WHERE false)
--- text max
SELECT max(x), min(x) FROM (VALUES '😀', '豈', 'z') AS t(x)
--- cte case
WITH "A" AS (SELECT 1 AS x) SELECT * FROM a
--- max nan of groups
SELECT k, max(x), min(x), max(CAST(x AS real)) FROM (VALUES (1, nan()), (1, 1e0), (2, nan()), (3, 2e0), (3, NULL)) AS t(k, x) GROUP BY k ORDER BY k
--- max nan in windows
SELECT k, max(x) OVER (PARTITION BY k), max(x) FILTER (WHERE x > 0) FROM (VALUES (1, nan()), (2, 1e0)) AS t(k, x) GROUP BY k, x ORDER BY k
--- max_by nan
--- refused: functions
SELECT max_by(k, x) FROM (VALUES (1, nan()), (2, 1e0)) AS t(k, x)
--- USING of other types
SELECT count(*) FROM (VALUES 1) AS a(x) JOIN (VALUES 'a') AS b(x) USING (x)
--- text in U&
--- refused: text in an unclear form
SELECT U&'\0041'
--- ORDER BY an expression over UNION
--- refused: text in an unclear form
SELECT 1 AS a UNION SELECT 2 ORDER BY a + 1
--- the least integer
SELECT -2147483648, typeof(-2147483648), typeof(- 2147483648), typeof(-(2147483648)), typeof(1 - 2147483648), typeof(-2147483647), typeof(ARRAY[-2147483648])
--- chained IS
SELECT 1 = 2 IS NULL
--- chained IN
SELECT 1 IN (1) IN (true)
--- chained IS NULL
SELECT 1 IS NULL IS NULL
--- chained LIKE
SELECT 'a' LIKE 'a' IS NOT NULL
--- chained BETWEEN
SELECT 1 BETWEEN 0 AND 2 = true
--- chained in the second operand
SELECT true = 1 IN (1)
--- chained IS DISTINCT FROM
SELECT true IS NOT DISTINCT FROM 1 = 1
--- chained ALL
SELECT 1 > ALL (SELECT 0) = true
--- chained behind OR
SELECT 1 IS NULL AND 2 = 2 OR 3 IN (3) IS NULL
--- chained NOT
SELECT true = NOT false
--- predicates side by side
SELECT 1 = 1 AND NOT 2 = 3, NOT (1 = 2), NOT NOT 1 = 1, 1 BETWEEN 0 AND 2 AND 3 = 3, CASE 1 = 1 WHEN true THEN 2 = 2 ELSE 3 = 3 END = true, (1 = 2) IS NULL, EXISTS (SELECT 1) = true, true = EXISTS (SELECT 1)
--- predicates in other places
SELECT position('a' IN 'ba') = 2, CAST(1 = 1 AS varchar) = 'true', 1 IS DISTINCT FROM 2, 1 IN (1, 2) AND 2 NOT IN (3), 'a' NOT LIKE 'b' AND 1 NOT BETWEEN 2 AND 3, any_match(ARRAY[1, 2], e -> e = 1) = true, if(1 = 1, 2 = 2, 3 = 3), ARRAY[1 = 1, 2 IS NULL][1 + 1] IS NULL, 1 = 2 b
--- predicates in all clauses
SELECT t.x = 1 AS a, 3 = 3 FROM (VALUES 1) t(x) JOIN (VALUES 1) u(y) ON t.x = u.y JOIN (VALUES 1) v(z) ON u.y = v.z WHERE x = 1 GROUP BY x HAVING count(*) = 1 ORDER BY x = 1, x IS NULL LIMIT 5
--- predicates beside frames
SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) = 1 FROM (VALUES 1, 2) t(x)
