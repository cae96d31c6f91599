--- arrays
SELECT ARRAY[1, 2, 3], ARRAY['a', 'b'], ARRAY[1.5, 2], ARRAY[true], ARRAY[date '2024-01-01'], ARRAY[ARRAY[1], ARRAY[2, 3]], ARRAY[]
--- subscripts
SELECT ARRAY[1, 2, 3][1], split('a,b', ',')[2], ARRAY[ARRAY[1, 2]][1][2]
--- subscript too big
SELECT ARRAY[1, 2][3]
--- subscript of zero
SELECT ARRAY[1, 2][0]
--- negative subscript
SELECT ARRAY[1, 2][-1]
--- element_at
SELECT element_at(ARRAY[1, 2, 3], 1), element_at(ARRAY[1, 2, 3], -1), element_at(ARRAY[1, 2, 3], 9), element_at(ARRAY[1, 2, 3], -9)
--- element_at zero
SELECT element_at(ARRAY[1], 0)
--- cardinality
SELECT cardinality(ARRAY[1, 2]), cardinality(ARRAY[]), cardinality(CAST(NULL AS array(integer))), cardinality(map(ARRAY['a'], ARRAY[1]))
--- contains
SELECT contains(ARRAY[1, 2], 1), contains(ARRAY['a'], 'b'), contains(ARRAY[1.0], 1), contains(split('a,b', ','), 'b')
--- array_join
SELECT array_join(ARRAY['a', NULL, 'b'], ','), array_join(ARRAY['a', NULL, 'b'], ',', '?'), array_join(ARRAY[1, 2], '-'), array_join(ARRAY[true], ''), array_join(ARRAY[1.5e0], ',')
--- array functions
SELECT array_distinct(ARRAY[2, 1, 2, NULL]), array_sort(ARRAY[3, 1, NULL, 2]), array_max(ARRAY[1, 3, 2]), array_min(ARRAY[3, 1]), array_position(ARRAY['a', 'b'], 'b'), array_remove(ARRAY[1, 2, 1], 1), reverse(ARRAY[1, 2])
--- array sets
SELECT array_union(ARRAY[1, 2], ARRAY[2, 3]), array_intersect(ARRAY[1, 2, 2], ARRAY[2, 3]), array_except(ARRAY[1, 2, 2], ARRAY[1]), arrays_overlap(ARRAY[1], ARRAY[1, 2]), arrays_overlap(ARRAY[1], ARRAY[NULL, 2])
--- array parts
SELECT slice(ARRAY[1, 2, 3, 4], 2, 2), slice(ARRAY[1, 2, 3], -2, 2), concat(ARRAY[1], ARRAY[2]), ARRAY[1] || ARRAY[2], ARRAY[1] || 2, flatten(ARRAY[ARRAY[1], ARRAY[2, 3]])
--- lambdas
SELECT transform(ARRAY[1, 2, 3], x -> x * 2), filter(ARRAY[1, 2, 3], x -> x > 1), transform(split('a,b', ','), x -> upper(x)), any_match(ARRAY[1, 2], x -> x = 2), all_match(ARRAY[1, 2], x -> x > 0), none_match(ARRAY[1], x -> x > 5)
--- reduce
SELECT reduce(ARRAY[1, 2, 3], 0, (s, x) -> s + x, s -> s)
--- zip
--- refused: functions
SELECT zip_with(ARRAY[1, 2], ARRAY[10, 20], (x, y) -> x + y)
--- sequences
SELECT sequence(1, 5), sequence(5, 1), sequence(1, 10, 3), sequence(0, 0), sequence(-2, 2)
--- sequence of days
SELECT sequence(date '2024-02-27', date '2024-03-01'), sequence(date '2024-01-01', date '2024-03-01', interval '1' month)
--- sequence with a bad step
SELECT sequence(1, 5, -1)
--- array comparison
SELECT ARRAY[1, 2] = ARRAY[1, 2], ARRAY[1, 2] < ARRAY[1, 3], ARRAY['a'] <> ARRAY['b'], ARRAY[1, NULL] = ARRAY[1, NULL]
--- unnest
SELECT t.x FROM UNNEST(ARRAY['a', 'b', NULL]) AS t(x)
--- unnest of a column
SELECT seq, t.part FROM audit_logs CROSS JOIN UNNEST(split(action, '.')) AS t(part) WHERE retention = 'long' ORDER BY seq, part
--- unnest with ordinality
SELECT seq, t.part, t.n FROM audit_logs CROSS JOIN UNNEST(split(action, '.')) WITH ORDINALITY AS t(part, n) WHERE retention = 'long' ORDER BY seq, n
--- unnest of two arrays
SELECT * FROM UNNEST(ARRAY[1, 2, 3], ARRAY['a', 'b']) AS t(x, y)
--- unnest of a map
SELECT * FROM UNNEST(map(ARRAY['a', 'b'], ARRAY[1, 2])) AS t(k, v)
--- unnest of nothing
SELECT a.seq, t.x FROM audit_logs a CROSS JOIN UNNEST(CAST(NULL AS array(integer))) AS t(x) WHERE a.seq = 1
--- left join unnest
SELECT a.x, t.y FROM (VALUES (1, ARRAY[1, 2]), (2, ARRAY[])) AS a(x, ys) LEFT JOIN UNNEST(a.ys) AS t(y) ON true
--- unnest in from with a comma
SELECT a.seq, t.p FROM audit_logs a, UNNEST(split(a.action, '.')) AS t(p) WHERE a.retention = 'minimal'
--- words of actions
SELECT t.part, count(*) AS n FROM audit_logs CROSS JOIN UNNEST(split(action, '.')) AS t(part) WHERE retention <> 'standard' GROUP BY t.part ORDER BY n DESC, t.part
--- maps
SELECT map(ARRAY['a', 'b'], ARRAY[1, 2]), map(ARRAY['a'], ARRAY[1])['a'], element_at(map(ARRAY['a'], ARRAY[1]), 'x'), map_keys(map(ARRAY['a'], ARRAY[1])), map_values(map(ARRAY['a'], ARRAY[1])), cardinality(map(ARRAY[1, 2], ARRAY['x', 'y']))
--- map of a missing key
SELECT map(ARRAY['a'], ARRAY[1])['b']
--- map with a key twice
SELECT map(ARRAY['a', 'a'], ARRAY[1, 2])
--- map of other lengths
SELECT map(ARRAY['a', 'b'], ARRAY[1])
--- entries of maps
--- refused: types
SELECT map_from_entries(ARRAY[('a', 1)]), map_entries(map(ARRAY['a'], ARRAY[1]))
--- split_to_map
--- refused: functions
SELECT split_to_map('a=1,b=2', ',', '=')
--- map_agg
SELECT map_agg(seq, outcome) FROM audit_logs WHERE retention = 'minimal'
--- histogram
SELECT histogram(outcome) FROM audit_logs WHERE retention = 'long' AND outcome = 'failure'
--- array_agg in order
SELECT array_agg(action ORDER BY timestamp_ns, seq), array_agg(seq ORDER BY seq DESC) FROM audit_logs WHERE retention = 'minimal'
--- array_agg distinct
SELECT array_sort(array_agg(DISTINCT outcome)) FROM audit_logs
--- array_agg of a filter
SELECT array_agg(seq ORDER BY seq) FILTER (WHERE outcome = 'failure') FROM audit_logs WHERE retention = 'long'
--- actions as a list
SELECT actor_id, array_join(array_agg(DISTINCT action ORDER BY action), ', ') FROM audit_logs WHERE retention <> 'standard' GROUP BY actor_id
--- listagg
SELECT listagg(action, ', ') WITHIN GROUP (ORDER BY timestamp_ns, seq) FROM audit_logs WHERE retention = 'minimal'
--- rows
--- refused: types
SELECT ROW(1, 'a'), CAST(ROW(1, 'a') AS row(x bigint, y varchar)), CAST(ROW(1, 'a') AS row(x bigint, y varchar)).x
--- rows compare
--- refused: types
SELECT (1, 'a') = (1, 'a'), (1, 2) < (1, 3), (1, 'a') IN ((1, 'a'), (2, 'b'))
--- combinations
--- refused: functions
SELECT combinations(ARRAY['a', 'b', 'c'], 2), ngrams(ARRAY['a', 'b', 'c'], 2), shuffle(ARRAY[1])
--- order of the keys of a map
SELECT map_keys(m), map_values(m) FROM (VALUES map(ARRAY['b', 'a', 'c'], ARRAY[1, 2, 3]), map_concat(map(ARRAY['z', 'a'], ARRAY[1, 2]), map(ARRAY['b', 'z'], ARRAY[3, 4])), map_filter(map(ARRAY['c', 'b', 'a'], ARRAY[1, 2, 3]), (k, v) -> v <> 2), CAST(json_parse('{"y":1,"x":2}') AS map(varchar, integer)), transform_values(map(ARRAY['q', 'p'], ARRAY[1, 2]), (k, v) -> v + 1), transform_keys(map(ARRAY['q', 'p'], ARRAY[1, 2]), (k, v) -> k || 'x')) AS t(m)
--- order of numbers as keys
SELECT map_keys(map(ARRAY[3, 1, 2], ARRAY['x', 'y', 'z'])), map_values(map(ARRAY[3, 1, 2], ARRAY['x', 'y', 'z'])), map_keys(map_concat(map(ARRAY[9, 1], ARRAY[1, 1]), map(ARRAY[5, 9, 0], ARRAY[2, 2, 2])))
--- maps unnested in order
SELECT k, v, o FROM UNNEST(map(ARRAY['b', 'a'], ARRAY[1, 2])) WITH ORDINALITY AS t(k, v, o) ORDER BY o
--- maps compare in any order
SELECT map(ARRAY['b', 'a'], ARRAY[1, 2]) = map(ARRAY['a', 'b'], ARRAY[2, 1]), map(ARRAY['b', 'a'], ARRAY[1, 2]) <> map(ARRAY['a', 'b'], ARRAY[1, 2]), map(ARRAY['b', 'a'], ARRAY[1, NULL]) IS DISTINCT FROM map(ARRAY['a', 'b'], ARRAY[NULL, 1]), map(ARRAY['b', 'a'], ARRAY[1, 2]) IN (map(ARRAY['a', 'b'], ARRAY[2, 1])), nullif(map(ARRAY['b', 'a'], ARRAY[1, 2]), map(ARRAY['a', 'b'], ARRAY[2, 1])), map_keys(nullif(map(ARRAY['b', 'a'], ARRAY[1, 2]), map(ARRAY['a'], ARRAY[2])))
--- groups of maps
--- refused: types
SELECT m, count(*) FROM (VALUES map(ARRAY['b', 'a'], ARRAY[1, 2]), map(ARRAY['a', 'b'], ARRAY[2, 1])) AS t(m) GROUP BY m
--- distinct maps
--- refused: types
SELECT count(DISTINCT m) FROM (VALUES map(ARRAY['b', 'a'], ARRAY[1, 2]), map(ARRAY['a', 'b'], ARRAY[2, 1])) AS t(m)
--- keys of an aggregate
--- refused: types
SELECT map_keys(histogram(outcome)) FROM audit_logs WHERE retention = 'long'
--- sorted keys of an aggregate
SELECT array_sort(map_keys(histogram(outcome))), array_sort(map_values(histogram(outcome))), cardinality(map_keys(histogram(outcome))), histogram(outcome)['failure'], histogram(outcome), contains(map_keys(histogram(outcome)), 'failure') FROM audit_logs
--- an aggregate's map unnested
SELECT k, v FROM (SELECT histogram(action) AS h FROM audit_logs WHERE retention = 'long') CROSS JOIN UNNEST(h) AS t(k, v) ORDER BY k
--- map_agg by day
SELECT dt, map_agg(outcome, n) FROM (SELECT dt, outcome, count(*) AS n FROM audit_logs GROUP BY dt, outcome) GROUP BY dt ORDER BY dt
--- map_agg of nothing
SELECT map_agg(outcome, seq), map_agg(outcome, seq) FILTER (WHERE seq < -1) FROM audit_logs WHERE seq < -5
--- map_agg without keys
SELECT map_agg(k, v), map_agg(k, v) FILTER (WHERE v > 1), map_agg(DISTINCT k, v) FROM (VALUES ('a', 1), (NULL, 2), ('b', NULL), ('a', 1), ('c', 3)) AS t(k, v)
--- map_agg without any key
SELECT map_agg(k, v) FROM (VALUES (CAST(NULL AS varchar), 1), (NULL, 2)) AS t(k, v)
--- map_agg of a key with several values
--- refused: functions
SELECT cardinality(map_agg(k, v)) FROM (VALUES ('a', 1), ('a', 2)) AS t(k, v)
--- fields of rows
SELECT CAST(ROW(1, 'a') AS row(x bigint, y varchar)).x, CAST(ROW(1, 'a') AS row(x bigint, y varchar)).y, CAST((1, NULL) AS row(a integer, b integer)).b, CAST(ROW('7', 2) AS row(a bigint, b varchar)).b || '!', CAST(NULL AS row(a bigint)).a
--- fields of a column
SELECT r.x, t.r.y, r.X + 1 FROM (SELECT CAST(ROW(seq, action) AS row(x bigint, y varchar)) AS r FROM audit_logs WHERE retention = 'long') AS t ORDER BY t.r.x, r.y
--- rows equal
SELECT (1, 'a') = (1, 'a'), (1, 2) <> (1, 3), (1, 'a') IN ((1, 'a'), (2, 'b')), (1, CAST(NULL AS integer)) = (2, 3), (1, CAST(NULL AS integer)) = (1, 3), (1, CAST(NULL AS integer)) IN ((1, 2), (2, 2)), (1, 5) NOT IN ((1, 2), (2, 2)), ROW(1) = ROW(1e0), (1, (2, 'x')) = (1, (2, 'x')), (nan(), 1) = (nan(), 1)
--- rows of columns
SELECT seq, action FROM audit_logs WHERE (action, outcome) IN (('user.login', 'failure'), ('report.export', 'success')) AND stream NOT LIKE '01980000%' ORDER BY seq
--- rows of other lengths
SELECT (1, 2) = (1, 2, 3)
--- a field that is not there
SELECT CAST(ROW(1) AS row(x bigint)).y
--- rows in groups
SELECT count(DISTINCT r), count(r) FROM (SELECT ROW(outcome, retention) AS r FROM audit_logs)
--- rows in conditions
SELECT CASE WHEN seq = 0 THEN CAST(ROW(1, 'a') AS row(x integer, y varchar)) ELSE CAST(ROW(2, 'b') AS row(x integer, y varchar)) END.x, coalesce(CAST(NULL AS row(x integer)), CAST(ROW(3) AS row(x integer))).x FROM audit_logs WHERE retention = 'long' AND seq < 2 ORDER BY seq
--- rows in arrays
SELECT transform(ARRAY[CAST(ROW(1, 'a') AS row(x bigint, y varchar)), CAST(ROW(2, 'b') AS row(x bigint, y varchar))], e -> e.y), element_at(array_agg(CAST(ROW(x, 'q') AS row(x integer, y varchar)) ORDER BY x), 2).x FROM (VALUES 5, 4) AS t(x)
--- rows unnested
SELECT x, y FROM UNNEST(ARRAY[(1, 'a'), (2, 'b')]) AS t(x, y)
--- grouped by a list
SELECT outcome, count(*) FROM audit_logs GROUP BY (outcome, retention)
--- rows unnested in order
SELECT seq, x, y, z, o FROM audit_logs CROSS JOIN UNNEST(ARRAY[(1, seq), (2, -seq)], ARRAY['p', 'q', 'r']) WITH ORDINALITY AS t(x, y, z, o) WHERE retention = 'long' ORDER BY seq, o
--- rows from json
SELECT r.a, r.b, r.c FROM (SELECT CAST(json_parse(x) AS row(a bigint, b varchar, c array(bigint))) AS r FROM (VALUES '{"a":1,"b":"x","c":[1,2]}', '{"b":"y"}', '[5,"z",null]', 'null', '{"A":7,"B":"w","d":0}', '{"a":null,"c":[]}') AS t(x)) ORDER BY r.b
--- rows of json unnested
SELECT t.name, t.qty FROM UNNEST(CAST(json_parse('[{"name":"n1","qty":3},{"qty":4},null,{"name":"n2","extra":{}}]') AS array(row(name varchar, qty bigint)))) AS t(name, qty) ORDER BY qty, name
--- a json array of another length as row
SELECT CAST(json_parse('[1]') AS row(a bigint, b bigint)).a
--- a json text as row
SELECT CAST(json_parse('"x"') AS row(a bigint)).a
--- a json object with a field twice
SELECT CAST(json_parse('{"a":1,"A":2}') AS row(a bigint)).a
--- reduce of all kinds
SELECT reduce(ARRAY[5, 20, 50], 0, (s, x) -> s + x, s -> s), reduce(ARRAY[5, 20, NULL, 50], 0, (s, x) -> s + x, s -> s), reduce(ARRAY[5, 20, NULL, 50], 0, (s, x) -> s + coalesce(x, 0), s -> s * 2), reduce(ARRAY[2147483647, 1], BIGINT '0', (s, x) -> s + x, s -> s), reduce(ARRAY['a', 'b'], '', (s, x) -> s || x, s -> s || '!'), reduce(ARRAY['a', 'b', 'a'], 0, (s, x) -> if(x = 'a', s + 1, s), s -> s > 1), reduce(CAST(ARRAY[] AS array(integer)), 7, (s, x) -> s + x, s -> s), reduce(CAST(NULL AS array(integer)), 7, (s, x) -> s + x, s -> 1), reduce(ARRAY[1, 2], 0e0, (s, x) -> s + x, s -> s / 2)
--- reduce with rows
SELECT reduce(ARRAY[5, 6, 10, 20], CAST(ROW(0.0, 0) AS row(sum double, count integer)), (s, x) -> CAST(ROW(x + s.sum, s.count + 1) AS row(sum double, count integer)), s -> if(s.count = 0, NULL, s.sum / s.count))
--- reduce over columns
SELECT seq, reduce(split(action, '.'), 0, (s, x) -> s + length(x), s -> s - seq), reduce(transform(split(action, '.'), x -> length(x) + seq), 0, (s, x) -> s + x, s -> s) FROM audit_logs WHERE retention = 'long' ORDER BY seq
--- reduce that overflows
SELECT reduce(ARRAY[2147483647, 1], 0, (s, x) -> s + x, s -> s)
--- reduce with a column in its function
--- refused: functions
SELECT seq, reduce(split(action, '.'), 0, (s, x) -> s + length(x) + seq, s -> s) FROM audit_logs WHERE retention = 'long' ORDER BY seq
--- unnest of a filter by a qualified column beside it
WITH w AS (SELECT 1 AS k, true AS c UNION ALL SELECT 2, false) SELECT d.k, u.e FROM w AS d CROSS JOIN UNNEST(filter(ARRAY[0e0, 5e-1], x -> d.c)) AS u(e) ORDER BY 1, 2
--- unnest of a filter by a column beside it
SELECT a.seq, u.y FROM audit_logs AS a CROSS JOIN UNNEST(transform(ARRAY[1, 2], x -> x + seq), filter(ARRAY[1, 2, 3], x -> a.seq > x)) WITH ORDINALITY AS u(y, z, n) WHERE retention = 'long' ORDER BY 1, 2
--- left join unnest of a filter by a column beside it
SELECT a.k, u.y FROM (VALUES 1, 2, 3) AS a(k) LEFT JOIN UNNEST(filter(ARRAY[2, 3], x -> x <= a.k)) AS u(y) ON true ORDER BY 1, 2
--- functions over columns of the query around
SELECT (SELECT transform(ARRAY[1, 2], x -> x + d.k)), (SELECT reduce(ARRAY[1], 0, (s, x) -> s + x, s -> s * d.k)), (SELECT map_filter(map(ARRAY['a'], ARRAY[1]), (k, v) -> v = d.k)), (SELECT any_match(ARRAY[1, 3], x -> x = d.k)) FROM (VALUES 1, 2) AS d(k)
--- function in a function over a column of the query around
SELECT (SELECT filter(ARRAY[1, 2], x -> any_match(ARRAY[x], y -> y < d.k))) FROM (VALUES 1, 2, 3) AS d(k)
--- unnest of a filter in EXISTS
SELECT d.k FROM (VALUES 1, 2, 3) AS d(k) WHERE EXISTS (SELECT 1 FROM UNNEST(filter(ARRAY[2], x -> x < d.k)) AS u(y))
--- subquery in a function
SELECT filter(ARRAY[1, 2], x -> x > (SELECT 1))
--- array and an element of another type
SELECT ARRAY[1] || bigint '2', 2.5 || ARRAY[1], ARRAY[1] || 1e0, ARRAY[] || 1, ARRAY[ARRAY[1]] || ARRAY[2], ARRAY[1] || CAST(NULL AS bigint), concat(ARRAY[1], 2), concat(ARRAY[1], ARRAY[bigint '2'])
--- array of timestamps and one of another precision
SELECT ARRAY[timestamp '2024-01-01 00:00:00.000'] || CAST(timestamp '2024-01-01 00:00:00.123' AS timestamp(3)), CAST(ARRAY[timestamp '2024-01-01 00:00:00'] || timestamp '2024-01-01 00:00:00.123' AS array(timestamp(3))), CAST(timestamp '2024-01-01 00:00:00.1' || ARRAY[timestamp '2024-01-01 00:00:00.25'] AS array(timestamp(3)))
--- array and an element of no common type
SELECT ARRAY[1] || 'x'
--- array_remove of a wider type
SELECT array_remove(ARRAY[1, 2], bigint '1'), array_remove(ARRAY[1, 2], 1.5)
--- sequence of days again
SELECT sequence(date '2024-02-27', date '2024-03-02'), sequence(date '2024-03-02', date '2024-02-27'), sequence(date '2024-01-01', date '2024-01-01'), sequence(date '2024-01-01', date '2024-01-31', interval '10' day), sequence(date '2024-01-31', date '2024-01-01', interval '-7' day)
--- sequence of months
SELECT sequence(date '2024-01-31', date '2024-06-30', interval '1' month), sequence(date '2024-01-31', date '2024-05-31', interval '2' month), sequence(date '2020-02-29', date '2024-03-01', interval '1' year), sequence(date '2024-06-30', date '2024-01-31', interval '-1' month)
--- sequence of times
SELECT sequence(timestamp '2024-01-01 00:00:00.000', timestamp '2024-01-01 02:00:00.000', interval '30' minute), sequence(timestamp '2024-01-31 10:00:00.000', timestamp '2024-04-30 09:00:00.000', interval '1' month), sequence(timestamp '2024-01-01 00:00:00.001', timestamp '2024-01-01 00:00:02.000', interval '1' second), sequence(timestamp '2024-01-02 00:00:00', timestamp '2024-01-01 00:00:00', interval '-12' hour)
--- sequence of times without a step
SELECT sequence(timestamp '2024-01-01 00:00:00', timestamp '2024-01-02 00:00:00')
--- sequence of days by hours
SELECT sequence(date '2024-01-01', date '2024-01-03', interval '36' hour)
--- sequence of days by many hours
SELECT sequence(date '2024-01-01', date '2024-01-05', interval '48' hour)
--- sequence the wrong way
SELECT sequence(date '2024-01-03', date '2024-01-01', interval '1' day)
--- sequence of months the wrong way
SELECT sequence(date '2024-03-01', date '2024-01-01', interval '1' month)
--- sequence without a step forward
SELECT sequence(date '2024-01-01', date '2024-01-03', interval '0' day)
--- sequence of too many days
SELECT cardinality(sequence(date '1990-01-01', date '2024-01-01'))
--- sequence of a day and a time
--- refused: functions
SELECT sequence(date '2024-01-01', timestamp '2024-01-03 00:00:00', interval '1' day)
--- sequence and NULL
SELECT sequence(date '2024-01-01', CAST(NULL AS date)), sequence(CAST(NULL AS date), date '2024-01-01', interval '1' month)
--- days without events
SELECT d FROM UNNEST(sequence(date '2023-07-08', date '2023-07-14')) AS t(d) LEFT JOIN (SELECT DISTINCT CAST(timestamp AS date) AS e FROM audit_logs) AS a ON a.e = d WHERE e IS NULL ORDER BY d
--- sequence of columns
SELECT cardinality(sequence(min(date(timestamp)), max(date(timestamp)))), element_at(sequence(min(date_trunc('month', timestamp)), max(timestamp), interval '1' month), 2) FROM audit_logs WHERE retention = 'standard'
--- fields of rows by place
SELECT ROW(1, 'a')[1], ROW(1, 'a')[2], CAST(ROW(1, 2.5) AS row(x integer, y decimal(2,1)))[2], (1, 'a', NULL)[2]
--- field of a row by a wrong place
SELECT ROW(1, 'a')[3]
--- field of a row by nothing
SELECT ROW(1, 'a')[0]
--- rows as answers
--- refused: types
SELECT ROW(1, 'a'), (1, NULL, date '2024-01-01'), CAST(ROW(1, 2.50) AS row(x integer, y decimal(3,2))), ARRAY[ROW(1, 'x'), ROW(2, NULL)], CAST(NULL AS row(a bigint))
--- rows in maps as answers
--- refused: types
SELECT map(ARRAY['k'], ARRAY[ROW(1, timestamp '2024-01-01 00:00:00.000')]), ROW(ROW(1, ARRAY['a', NULL]), map(ARRAY['x'], ARRAY[1e0]))
--- rows from JSON as answers
--- refused: types
SELECT CAST(json_parse('[{"name":"a","qty":3},{"qty":4}]') AS array(row(name varchar, qty bigint)))
--- rows with NULL compared
--- refused: types
SELECT (ROW(k, 'a') = ROW(CAST(NULL AS bigint), 'a')) IS NULL, ROW(k, 'a') = ROW(CAST(NULL AS bigint), 'a'), (k, 'a') = (CAST(NULL AS bigint), 'a'), (k, 'b') = (CAST(NULL AS bigint), 'a') FROM (VALUES bigint '1') AS t(k)
--- rows with NULL compared in CASE
--- refused: types
SELECT (CASE WHEN k = 5 THEN true ELSE ((ROW(k, 'a') = ROW(CAST(NULL AS bigint), 'a')) IS NULL) END) FROM (VALUES bigint '1') AS t(k)
--- rows with NULL compared in CASE of constants
--- refused: types
SELECT (CASE WHEN timestamp '2024-01-01 00:00:00.000' = array_max(ARRAY[timestamp '2024-02-29 12:34:56.789']) THEN true ELSE ((ROW(k, 'a') = ROW(CAST(NULL AS bigint), 'a')) IS NULL) END) FROM (VALUES bigint '1') AS t(k)
--- rows with NULL compared in columns
--- refused: types
SELECT (ROW(k, l) = ROW(m, l)) IS NULL, ROW(k, l) = ROW(m, l) FROM (VALUES (bigint '1', 'a', CAST(NULL AS bigint))) AS t(k, l, m)
--- row of a column and a null constant
SELECT ROW(k, 'a') = ROW(NULL, 'a') FROM (VALUES bigint '1', 2) AS t(k)
--- row of constants and a null constant
--- refused: types
SELECT (ROW(1, 'a') = ROW(CAST(NULL AS bigint), 'a')) IS NULL
--- array_join with NULL for NULLs
SELECT array_join(ARRAY['a'], ',', CAST(NULL AS varchar)) AS x
--- INTERSECT ALL of arrays with NULLs
SELECT ARRAY[1, NULL] INTERSECT ALL SELECT ARRAY[1, NULL]
--- EXCEPT ALL of arrays with NULLs
SELECT x, ARRAY[y] FROM (VALUES (1, 1), (2, NULL)) t(x, y) EXCEPT ALL SELECT x, ARRAY[y] FROM (VALUES (1, 1), (2, NULL)) t(x, y)
--- INTERSECT ALL of arrays
--- refused: types
SELECT ARRAY[1, 2] INTERSECT ALL SELECT ARRAY[1, 2]
--- sets of arrays with NULLs
SELECT ARRAY[1, NULL] INTERSECT SELECT ARRAY[1, NULL] UNION (SELECT ARRAY[2, NULL] EXCEPT SELECT ARRAY[1, 2])
--- distinct arrays with NULLs
SELECT a, count(*), count(DISTINCT a) FROM (VALUES ARRAY[1, NULL], ARRAY[1, NULL], ARRAY[1, 2]) t(a) GROUP BY a
