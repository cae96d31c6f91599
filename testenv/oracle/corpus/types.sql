--- using star of a relation
--- refused: text in an unclear form
SELECT x.* FROM (VALUES (1, 'x')) x(k, a) JOIN (VALUES (1, 'p')) y(k, b) USING (k)
--- using star of the other relation
--- refused: text in an unclear form
SELECT y.* FROM (VALUES (1, 'x')) x(k, a) JOIN (VALUES (1, 'p')) y(k, b) USING (k)
--- using column of a relation
SELECT x.k FROM (VALUES (1, 'x')) x(k, a) JOIN (VALUES (1, 'p')) y(k, b) USING (k)
--- using column of the other relation
SELECT y.k FROM (VALUES (1, 'x')) x(k, a) JOIN (VALUES (1, 'p')) y(k, b) USING (k)
--- using column in where
SELECT k FROM (VALUES (1, 'x')) x(k, a) JOIN (VALUES (1, 'p')) y(k, b) USING (k) WHERE y.k = 1
--- using three relations
SELECT k, a, b, c FROM (VALUES (1, 'x')) x(k, a) JOIN (VALUES (1, 'p')) y(k, b) USING (k) JOIN (VALUES (1, 'q')) z(k, c) USING (k)
--- using then a relation of that name
SELECT z.k, z.* FROM (VALUES (1, 'x')) x(k, a) JOIN (VALUES (1, 'p')) y(k, b) USING (k) CROSS JOIN (VALUES (2, 'q')) z(k, c)
--- using then a relation of that name bare
SELECT k FROM (VALUES (1, 'x')) x(k, a) JOIN (VALUES (1, 'p')) y(k, b) USING (k) CROSS JOIN (VALUES (2, 'q')) z(k, c)
--- using of two integer types
--- refused: text in an unclear form
SELECT k FROM (VALUES 1) a(k) JOIN (VALUES bigint '1') b(k) USING (k)
--- using of two integer types full
--- refused: text in an unclear form
SELECT k FROM (VALUES 1, 2) a(k) FULL JOIN (VALUES bigint '1', 30000000000) b(k) USING (k) ORDER BY 1
--- using of date and timestamp
--- refused: text in an unclear form
SELECT k FROM (VALUES date '2024-01-01') a(k) JOIN (VALUES timestamp '2024-01-01 00:00:00.000') b(k) USING (k)
--- using of one row and another
--- refused: text in an unclear form
SELECT k FROM (VALUES 1.5) a(k) JOIN (VALUES 1.50) b(k) USING (k)
--- using of varchars
SELECT k FROM (VALUES 'ab') a(k) JOIN (VALUES 'ab', 'abc') b(k) USING (k)
--- using star of relation without it
SELECT z.* FROM (VALUES (1, 'x')) x(k, a) JOIN (VALUES (1, 'p')) y(k, b) USING (k) CROSS JOIN (VALUES 5) z(n)
--- using a name twice in a relation on one side
SELECT k FROM (VALUES 1) x(k) JOIN (VALUES 1) y(k) ON x.k = y.k JOIN (VALUES 1) z(k) USING (k)
--- using outer correlation
SELECT (SELECT x.k) FROM (VALUES (1, 'x')) x(k, a) JOIN (VALUES (1, 'p')) y(k, b) USING (k)
--- element_at of a decimal key
SELECT element_at(map(ARRAY[1, 2], ARRAY['a', 'b']), 1.5)
--- element_at of a decimal key that is whole
SELECT element_at(map(ARRAY[1, 2], ARRAY['a', 'b']), 1.0)
--- element_at of a double key
--- refused: types
SELECT element_at(map(ARRAY[1, 2], ARRAY['a', 'b']), 1.5e0)
--- element_at of a bigint key
SELECT element_at(map(ARRAY[1, 2], ARRAY['a', 'b']), bigint '30000000000')
--- element_at of an integer among bigint keys
SELECT element_at(map(ARRAY[bigint '1', 2], ARRAY['a', 'b']), 2)
--- element_at of an integer among double keys
SELECT element_at(map(ARRAY[1e0, 2e0], ARRAY['a', 'b']), 2)
--- element_at of an integer among decimal keys
SELECT element_at(map(ARRAY[1.0, 2.5], ARRAY['a', 'b']), 1)
--- element_at of a shorter decimal
SELECT element_at(map(ARRAY[1.00, 2.55], ARRAY['a', 'b']), 1.0)
--- element_at of a number among texts
SELECT element_at(map(ARRAY['1', '2'], ARRAY['a', 'b']), 1)
--- element_at of a text among numbers
SELECT element_at(map(ARRAY[1, 2], ARRAY['a', 'b']), '1')
--- element_at of a null key
SELECT element_at(map(ARRAY[1, 2], ARRAY['a', 'b']), NULL)
--- element_at of an empty map
SELECT element_at(map(ARRAY[], ARRAY[]), 1), element_at(map(ARRAY[], ARRAY[]), 'a')
--- element_at of a date among timestamps
SELECT element_at(map(ARRAY[timestamp '2024-01-01 00:00:00.000'], ARRAY['a']), date '2024-01-01')
--- element_at of a timestamp among dates
--- refused: types
SELECT element_at(map(ARRAY[date '2024-01-01'], ARRAY['a']), timestamp '2024-01-01 12:00:00.000')
--- subscript of a text key by a number
SELECT map(ARRAY['1'], ARRAY[2])[1]
--- subscript of an integer key by a decimal
SELECT map(ARRAY[1, 2], ARRAY['a', 'b'])[1.5]
--- subscript of an integer key by a text
SELECT map(ARRAY[1], ARRAY[2])['1']
--- subscript of a bigint key by an integer
SELECT map(ARRAY[bigint '1'], ARRAY[2])[1]
--- subscript of a double key by an integer
SELECT map(ARRAY[1e0], ARRAY[2])[1]
--- subscript of a real key by an integer
SELECT map(ARRAY[real '1'], ARRAY[2])[1]
--- subscript of a missing key
SELECT map(ARRAY[1], ARRAY[2])[3]
--- subscript of null
SELECT map(ARRAY[1], ARRAY[2])[NULL]
--- lag with a decimal default of an integer
SELECT lag(x, 1, 1.5) OVER (ORDER BY x) FROM (VALUES 1, 2) t(x)
--- lead with a timestamp default of a date
SELECT lead(x, 1, timestamp '2024-01-05 12:00:00.000') OVER (ORDER BY x) FROM (VALUES date '2024-01-01', date '2024-01-02') t(x)
--- lag with a bigint default of an integer
SELECT lag(x, 1, 30000000000) OVER (ORDER BY x) FROM (VALUES 1, 2) t(x)
--- lag with a double default of an integer
SELECT lag(x, 1, 1.5e0) OVER (ORDER BY x) FROM (VALUES 1, 2) t(x)
--- lag with an integer default of a bigint
SELECT lag(x, 1, 7) OVER (ORDER BY x) FROM (VALUES bigint '1', 2) t(x)
--- lag with a null default
SELECT lag(x, 1, NULL) OVER (ORDER BY x) FROM (VALUES 1, 2) t(x)
--- lead of decimals with a wider default
SELECT lead(x, 1, 100.25) OVER (ORDER BY x) FROM (VALUES 1.5, 2.5) t(x)
--- lag of nulls with a default
SELECT lag(NULL, 1, 7) OVER (ORDER BY x) FROM (VALUES 1, 2) t(x)
--- lag with a longer text as default
SELECT lag(x, 1, 'longer') OVER (ORDER BY x) FROM (VALUES 'a', 'b') t(x)
--- lag with a text as default of a number
SELECT lag(x, 1, 'a') OVER (ORDER BY x) FROM (VALUES 1, 2) t(x)
--- lag with a column as default
SELECT lag(x, 1, y) OVER (ORDER BY x) FROM (VALUES (1, 1.5), (2, 2.5)) t(x, y)
--- lag ignoring nulls with a wider default
SELECT lag(x, 1, 1.5) IGNORE NULLS OVER (ORDER BY y) FROM (VALUES (1, 1), (NULL, 2), (3, 3)) t(x, y)
--- lag of arrays with a wider default
SELECT lag(x, 1, ARRAY[1.5]) OVER (ORDER BY y) FROM (VALUES (ARRAY[1], 1), (ARRAY[2], 2)) t(x, y)
--- try_cast of an array that fails
SELECT TRY_CAST(ARRAY[1 / (seq - seq)] AS array(varchar)) FROM audit_logs
--- try_cast of json that is none
SELECT TRY_CAST(json_parse('{bad') AS map(varchar, varchar))
--- try_cast of json of another shape
SELECT TRY_CAST(json_parse('[1]') AS map(varchar, varchar)), TRY_CAST(json_parse('{"a":1}') AS map(varchar, bigint))
--- try_cast of a row that fails
SELECT TRY_CAST(ROW(1 / (seq - seq)) AS row(x varchar)).x FROM audit_logs
--- try_cast of an array of texts
SELECT TRY_CAST(ARRAY['1', 'x'] AS array(integer)), TRY_CAST(ARRAY['1', '2'] AS array(integer)), TRY_CAST(CAST(NULL AS array(varchar)) AS array(integer))
--- try_cast of a row of texts
SELECT TRY_CAST(ROW('1', 'x') AS row(a integer, b integer)).a, TRY_CAST(ROW('1', '2') AS row(a integer, b integer)).b
--- try_cast of an address that fails within
SELECT TRY_CAST(split('a', ',')[seq - seq + 2] AS ipaddress) FROM audit_logs
--- try_cast of an address
SELECT CAST(TRY_CAST('10.0.0.1' AS ipaddress) AS varchar), TRY_CAST('x' AS ipaddress) IS NULL, TRY_CAST(CAST(NULL AS varchar) AS ipaddress) IS NULL
--- try_cast of json of a column
SELECT TRY_CAST(json_parse(details) AS map(varchar, json)) IS NULL AS n, count(*) FROM audit_logs GROUP BY 1 ORDER BY 1
--- try_cast of a scalar that fails within
SELECT TRY_CAST(1 / (seq - seq) AS varchar) FROM audit_logs
--- try_cast in a lambda
SELECT transform(ARRAY['1', 'x', NULL], x -> TRY_CAST(ARRAY[x] AS array(integer)))
--- try_cast of json in a lambda
SELECT transform(ARRAY['1', '"x"', NULL], x -> TRY_CAST(json_parse(x) AS integer))
--- try_cast of json in a lambda with a column
SELECT transform(ARRAY['1', '"x"', NULL], x -> coalesce(TRY_CAST(json_parse(x) AS integer), length(action))) FROM audit_logs WHERE seq = 1
--- map of nulls with other keys
--- refused: types
SELECT CAST(map(ARRAY[2.5e0], ARRAY[NULL]) AS map(integer, integer))
--- map of nulls with keys of text
SELECT CAST(map(ARRAY['1_000'], ARRAY[NULL]) AS map(bigint, integer))
--- map of nulls with double keys to text
--- refused: types
SELECT CAST(map(ARRAY[1e0], ARRAY[NULL]) AS map(varchar, integer))
--- map of nulls with integer keys to bigint
--- refused: types
SELECT CAST(map(ARRAY[1], ARRAY[NULL]) AS map(bigint, integer))
--- map of nulls with the same keys
SELECT CAST(map(ARRAY[1], ARRAY[NULL]) AS map(integer, varchar))
--- empty map
SELECT CAST(map(ARRAY[], ARRAY[]) AS map(varchar, integer)), CAST(map(ARRAY[], ARRAY[]) AS map(integer, varchar))
--- group by reduce
SELECT reduce(split(action, '.'), 0, (s, x) -> s + length(x), s -> s) AS n, count(*) FROM audit_logs WHERE seq < 40 GROUP BY 1 ORDER BY 1
--- group by transform
SELECT transform(split(action, '.'), x -> length(x)) AS n, count(*) FROM audit_logs WHERE seq < 40 GROUP BY 1
--- group by filter as written
SELECT filter(split(action, '.'), x -> length(x) > 5) AS n, count(*) FROM audit_logs WHERE seq < 40 GROUP BY filter(split(action, '.'), x -> length(x) > 5)
--- group by keys of a filtered map
SELECT cardinality(map_filter(map(ARRAY[action], ARRAY[outcome]), (k, v) -> v = 'success')) AS n, count(*) FROM audit_logs GROUP BY 1 ORDER BY 1
--- group by transformed values
SELECT element_at(transform_values(map(ARRAY['a'], ARRAY[outcome]), (k, v) -> upper(v)), 'a') AS n, count(*) FROM audit_logs GROUP BY 1 ORDER BY 1
--- group by reduce and what is made of it
SELECT reduce(split(action, '.'), 0, (s, x) -> s + length(x), s -> s) AS n, reduce(split(action, '.'), 0, (s, x) -> s + length(x), s -> s) + 1 AS m, count(*) FROM audit_logs WHERE seq < 40 GROUP BY 1 ORDER BY 1
--- group by reduce with having
SELECT reduce(split(action, '.'), 0, (s, x) -> s + length(x), s -> s) AS n, count(*) FROM audit_logs WHERE seq < 40 GROUP BY 1 HAVING reduce(split(action, '.'), 0, (s, x) -> s + length(x), s -> s) > 5 ORDER BY 1
--- group by any_match
SELECT any_match(split(action, '.'), x -> x = 'user') AS n, count(*) FROM audit_logs GROUP BY 1 ORDER BY 1
--- field of an empty array of rows
SELECT element_at(CAST(ARRAY[] AS array(row(x integer))), 1).x
--- field of a row cast twice
SELECT CAST(CAST(ROW(1) AS row(x integer)) AS row(x integer)).x
--- field of a row in a row cast twice
SELECT CAST(CAST(ROW(ROW(1, 'a')) AS row(r row(x integer, y varchar))) AS row(r row(x integer, y varchar))).r.y
--- field of an array of rows cast twice
SELECT CAST(CAST(ARRAY[ROW(1)] AS array(row(x integer))) AS array(row(x integer)))[1].x
--- field of rows cast by try
SELECT TRY_CAST(CAST(ROW(1) AS row(x integer)) AS row(x integer)).x, TRY_CAST(ARRAY[NULL] AS array(row(x integer)))[1].x
--- field of a map of rows
SELECT element_at(CAST(map(ARRAY['a'], ARRAY[NULL]) AS map(varchar, row(x integer))), 'a').x
--- field of an array of null arrays of rows
--- refused: types
SELECT CAST(ARRAY[ARRAY[]] AS array(array(row(x integer))))[1]
--- field of an empty array of arrays of rows
SELECT element_at(element_at(CAST(ARRAY[ARRAY[]] AS array(array(row(x integer)))), 1), 1).x
--- using right join
SELECT k, a, b FROM (VALUES (1, 'x')) x(k, a) RIGHT JOIN (VALUES (2, 'p')) y(k, b) USING (k)
--- using full joins in a row
SELECT k, a, b, c FROM (VALUES (1, 'x')) x(k, a) FULL JOIN (VALUES (2, 'p')) y(k, b) USING (k) FULL JOIN (VALUES (3, 'q'), (2, 'r')) z(k, c) USING (k) ORDER BY k
--- using left then right join
SELECT k, a, b, c FROM (VALUES (1, 'x')) x(k, a) LEFT JOIN (VALUES (2, 'p')) y(k, b) USING (k) RIGHT JOIN (VALUES (3, 'q'), (1, 'r')) z(k, c) USING (k) ORDER BY k
--- using right then left join
SELECT k, a, b, c FROM (VALUES (1, 'x')) x(k, a) RIGHT JOIN (VALUES (2, 'p')) y(k, b) USING (k) LEFT JOIN (VALUES (2, 'q'), (1, 'r')) z(k, c) USING (k) ORDER BY k
--- using a name that one side has not
SELECT 1 FROM (VALUES 1) x(k) JOIN (VALUES 1) y(b) USING (k)
--- using within joins in parentheses
SELECT k FROM ((VALUES 1) x(k) JOIN (VALUES 1) y(k) USING (k)) CROSS JOIN ((VALUES 1) z(k) JOIN (VALUES 1) w(k) USING (k))
--- using and another column that both have
SELECT b FROM (VALUES (1, 'x')) x(k, b) JOIN (VALUES (1, 'p')) y(k, b) USING (k)
--- using in group by and order by
SELECT k, count(*) AS n FROM (VALUES (1, 'x'), (2, 'y')) x(k, a) JOIN (VALUES (1, 'p'), (1, 'q')) y(k, b) USING (k) GROUP BY k ORDER BY x.k
--- using of the table
SELECT count(*) AS n, count(a.seq) AS m FROM audit_logs a JOIN audit_logs b USING (id) WHERE a.seq = b.seq
--- using a column of the query around it
SELECT (SELECT max(x.k) FROM (VALUES 1) y(k) JOIN (VALUES 1) z(k) USING (k)) FROM (VALUES 7) x(k)
--- using a column of a relation around it that is called so
SELECT (SELECT x.k + k FROM (VALUES 1) x(k) JOIN (VALUES 1) z(k) USING (k)) FROM (VALUES 7) x(k)
--- try_cast of an array from a subquery that fails
SELECT TRY_CAST(a AS array(varchar)) FROM (SELECT ARRAY[1 / (seq - seq)] AS a FROM audit_logs)
--- try_cast of an array from a subquery that fails in a condition
SELECT count(*) FROM (SELECT ARRAY[1 / (seq - seq)] AS a FROM audit_logs) WHERE TRY_CAST(a AS array(varchar)) IS NULL
--- try_cast of an aggregate
SELECT cardinality(TRY_CAST(array_agg(action) AS array(bigint))), cardinality(TRY_CAST(array_agg(seq) AS array(varchar))) FROM audit_logs
--- try_cast with groups
SELECT TRY_CAST(json_parse(details) AS bigint) AS n, count(*) AS m FROM audit_logs WHERE seq < 10 GROUP BY TRY_CAST(json_parse(details) AS bigint)
--- try_cast of a column of the query around it
SELECT (SELECT max(x) FROM UNNEST(TRY_CAST(split(a.reason, ' ') AS array(bigint))) t(x)) FROM audit_logs a WHERE seq = 1
--- try_cast within try_cast
SELECT TRY_CAST(TRY_CAST(ARRAY['1', '2'] AS array(integer)) AS array(varchar)), TRY_CAST(TRY_CAST(ARRAY['1', 'x'] AS array(integer)) AS array(varchar))
--- try_cast of nested arrays
SELECT TRY_CAST(ARRAY[ARRAY['1'], ARRAY['x']] AS array(array(integer))), TRY_CAST(ARRAY[ARRAY['1'], NULL] AS array(array(integer)))
--- try_cast of an address of a column
SELECT count(*), count(TRY_CAST(ip AS ipaddress)) FROM audit_logs
--- cast to an array of addresses or json
SELECT cardinality(CAST(ARRAY[] AS array(ipaddress))), CAST(ARRAY[NULL] AS array(json))
--- reduce within reduce
SELECT reduce(ARRAY[ARRAY[1, 2], ARRAY[3]], 0, (s, x) -> s + reduce(x, 0, (a, b) -> a + b * 2, a -> a), s -> s * 10)
--- transform_values within map_filter
SELECT map_filter(transform_values(map(ARRAY['a', 'b'], ARRAY[1, 2]), (k, v) -> v * 2), (k, v) -> reduce(sequence(1, v), 0, (s, x) -> s + x, s -> s) > 3)
--- function of a key in a function
SELECT transform_values(map(ARRAY['a', 'b'], ARRAY[ARRAY[1, 2], ARRAY[3]]), (k, v) -> reduce(v, 0, (s, x) -> s + x, s -> concat(k, CAST(s AS varchar))))
--- reduce in order by and having
SELECT action, count(*) AS n FROM audit_logs WHERE seq < 40 GROUP BY action HAVING reduce(split(action, '.'), 0, (s, x) -> s + length(x), s -> s) > 30 ORDER BY reduce(split(action, '.'), 0, (s, x) -> s + length(x), s -> s), action
--- two reduces as groups
SELECT reduce(split(action, '.'), 0, (s, x) -> s + 1, s -> s) + reduce(split(action, '.'), 0, (s, x) -> s + length(x), s -> s) AS n, count(*) AS m FROM audit_logs WHERE seq < 40 GROUP BY reduce(split(action, '.'), 0, (s, x) -> s + 1, s -> s), reduce(split(action, '.'), 0, (s, x) -> s + length(x), s -> s) ORDER BY 1, 2
--- lead of decimals with a double default
SELECT lead(x, 1, 0.5e0) OVER (ORDER BY x) FROM (VALUES 1234567890123456.789, 2.5) t(x)
--- lag of an integer with a decimal column that is long
SELECT lag(x, 1, y) OVER (ORDER BY x) FROM (VALUES (1e0, 1234567890123456.789), (2e0, 2.5)) t(x, y)
--- a cast of an array as group and in an expression
SELECT cardinality(CAST(split(request_id, '-') AS array(varchar))) AS n, cardinality(TRY_CAST(split(dt, '-') AS array(bigint))) AS m, count(*) AS c FROM audit_logs WHERE seq < 10 GROUP BY CAST(split(request_id, '-') AS array(varchar)), TRY_CAST(split(dt, '-') AS array(bigint))
--- a cast of an array in an expression of groups
SELECT CAST(split(dt, '-') AS array(bigint))[1] + 1 AS m, count(*) AS c FROM audit_logs GROUP BY CAST(split(dt, '-') AS array(bigint))[1]
--- json as group and in an expression
SELECT coalesce(CAST(json_parse(details) AS row(a bigint)).a, 0) AS m, count(*) AS c FROM audit_logs GROUP BY CAST(json_parse(details) AS row(a bigint)).a
--- an array of json as group and in an expression
SELECT 1 + cardinality(CAST(json_parse('[[' || substr(dt, 1, 4) || ']]') AS array(array(bigint)))) AS m, count(*) AS c FROM audit_logs GROUP BY cardinality(CAST(json_parse('[[' || substr(dt, 1, 4) || ']]') AS array(array(bigint))))
--- nested arrays cast
SELECT CAST(ARRAY[ARRAY[ARRAY[1], NULL], ARRAY[]] AS array(array(array(varchar)))), CAST(ARRAY[ARRAY[ROW(1, ARRAY[2])]] AS array(array(row(a varchar, b array(varchar)))))[1][1].b
--- nested json cast
SELECT CAST(json_parse('[[{"a":[1,2],"b":{"x":[["1"]]}}]]') AS array(array(row(a array(bigint), b map(varchar, array(array(varchar)))))))[1][1].b
--- group by 1 of a cast of an array
SELECT CAST(split(dt, '-') AS array(bigint)) AS m, count(*) AS c FROM audit_logs GROUP BY 1
--- element_at of a bigint among integer keys
SELECT element_at(map(ARRAY[6, 7], ARRAY['a', 'b']), length('abcdef')), element_at(map(ARRAY[6, 7], ARRAY['a', 'b']), length('a'))
--- subscript of an integer key by a bigint
SELECT map(ARRAY[6, 7], ARRAY['a', 'b'])[length('abcdef')]
--- subscript of an integer key by a bigint that is none
SELECT map(ARRAY[6, 7], ARRAY['a', 'b'])[30000000000]
--- element_at of a wide decimal among decimals
SELECT element_at(map(ARRAY[1.5, 2.5], ARRAY['a', 'b']), 1.50), element_at(map(ARRAY[1.5, 2.5], ARRAY['a', 'b']), 2.55)
--- element_at of a decimal among the widest integers
SELECT element_at(map(ARRAY[9223372036854775807], ARRAY['a']), 9223372036854775807.0)
--- element_at among keys that are null
SELECT element_at(CAST(NULL AS map(integer, varchar)), 1.5), CAST(NULL AS map(integer, varchar))[1.5]
--- element_at of a decimal among reals
--- refused: types
SELECT element_at(map(ARRAY[real '1.5'], ARRAY['a']), 1.5)
--- element_at of a decimal in a map of json
SELECT element_at(map(ARRAY[1], ARRAY[json_parse('{"a":1}')]), 1.0)
--- reduce within transform
SELECT transform(ARRAY[1, 2], x -> reduce(ARRAY[x, 3], 0, (s, y) -> s + y, s -> s + x))
--- try_cast in a lateral subquery
SELECT a.seq, u.e FROM audit_logs a CROSS JOIN LATERAL (SELECT cardinality(TRY_CAST(split(a.dt, '-') AS array(bigint))) AS e) u WHERE a.seq < 2
--- try_cast in join condition
SELECT count(*) FROM audit_logs a JOIN audit_logs b ON cardinality(TRY_CAST(split(a.dt, '-') AS array(bigint))) = b.seq AND a.seq < 3
--- try_cast in a correlated condition
SELECT count(*) FROM audit_logs a WHERE EXISTS (SELECT 1 FROM audit_logs b WHERE b.seq = 1 AND TRY_CAST(json_parse(a.details) AS bigint) IS NULL)
--- try_cast in a filter of an aggregate
SELECT count(*) FILTER (WHERE TRY_CAST(json_parse(details) AS bigint) IS NULL) FROM audit_logs
--- try_cast in unnest
SELECT a.seq, u.e FROM audit_logs a CROSS JOIN UNNEST(TRY_CAST(split(a.dt, '-') AS array(bigint))) u(e) WHERE a.seq < 1
--- using of subqueries
SELECT k FROM (SELECT dt AS k FROM audit_logs WHERE seq < 2) a JOIN (SELECT dt AS k FROM audit_logs WHERE seq = 1) b USING (k)
--- subscript of a map from json
SELECT CAST(json_parse('{"a":1}') AS map(varchar, bigint))['a']
--- lag of rows with a wider default
SELECT lag(ROW(x, 1), 1, ROW(1.5, 2)) OVER (ORDER BY x)[1] FROM (VALUES 1, 2) t(x)
--- lag with a wider default in an expression
SELECT coalesce(lag(x, 1, 1.5) OVER (ORDER BY x), 2.25) + 1 FROM (VALUES 1, 2) t(x)
--- using of two columns
SELECT k, j FROM (VALUES (1, 2)) a(k, j) JOIN (VALUES (1, 2)) b(k, j) USING (k, j)
--- using in order by
SELECT a, k AS z FROM (VALUES (1, 'x'), (2, 'y')) x(k, a) JOIN (VALUES (1, 'p'), (2, 'p')) y(k, b) USING (k) ORDER BY k DESC
--- using in an expression of order by
SELECT a FROM (VALUES (1, 'x'), (2, 'y')) x(k, a) JOIN (VALUES (1, 'p'), (2, 'p')) y(k, b) USING (k) ORDER BY k + 1 DESC
--- using a column of the table
SELECT audit_logs.dt FROM audit_logs JOIN (VALUES '2023-07-10') y(dt) USING (dt) LIMIT 1
--- using in a window
SELECT k, row_number() OVER (PARTITION BY k ORDER BY a) FROM (VALUES (1, 'x'), (2, 'y')) x(k, a) JOIN (VALUES (1, 'p'), (2, 'p')) y(k, b) USING (k)
