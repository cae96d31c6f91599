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
--- refused: functions
SELECT reduce(ARRAY[1, 2, 3], 0, (s, x) -> s + x, s -> s)
--- zip
--- refused: functions
SELECT zip_with(ARRAY[1, 2], ARRAY[10, 20], (x, y) -> x + y)
--- sequences
SELECT sequence(1, 5), sequence(5, 1), sequence(1, 10, 3), sequence(0, 0), sequence(-2, 2)
--- sequence of days
--- refused: functions
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
--- refused: functions
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
