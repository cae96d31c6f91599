--- empty matches behind others, replaced
SELECT regexp_replace('axb', 'x*', '-'), regexp_replace('abc', 'a?', '-'), regexp_replace('', 'x*', '-'), regexp_replace('xx', 'x*', '-'), regexp_replace('axb', 'x*'), regexp_replace('axb', 'x*', '<$0>')
--- empty matches behind others, split
SELECT regexp_split('abc', 'a?'), regexp_split('', 'a?'), regexp_split('axb', 'x*'), regexp_split('aéb', 'x*')
--- empty matches behind others, extracted
SELECT regexp_extract_all('axb', 'x*'), regexp_extract_all('abc', '(a)?', 1), regexp_extract_all('axb', '(x*)(b)?', 2), regexp_extract_all('axb', '(x)*', 1)
--- empty matches and groups
SELECT regexp_replace('axxbx', '(x*)', '[$1]'), regexp_replace('axb', '(x)|(b)', '[$1$2]'), regexp_replace('axb', '(x*?)', '-'), regexp_replace('abc', '(a|b|)', '<$1>'), regexp_replace('abc', '(b)(x)?', '[$2]'), regexp_replace('abc', '(?<n>b?)', '<${n}>')
--- empty matches and their kinds
SELECT regexp_replace('aXbx', '(?i)x*', '-'), regexp_replace('abc', 'a|', '-'), regexp_replace('aab', 'a*?', '-'), regexp_replace('aab', 'a{0,1}', '-'), regexp_replace('axb', 'x*', '\$\\'), regexp_replace('abc', '.*', 'x'), regexp_replace('abc', 'c?$', '-')
--- empty matches beyond ASCII
SELECT regexp_replace('aéxb', 'x*', '-'), regexp_replace('日本', '本?', '-'), regexp_replace('a😀b', '', '-'), regexp_split('a😀b', ''), regexp_extract_all('é', '')
--- empty matches in rows
SELECT x, regexp_replace(x, 'x*', '-'), regexp_split(x, 'x*'), cardinality(regexp_extract_all(x, 'x*')), regexp_count(x, 'x*') FROM (VALUES 'axb', 'axbxx', '', 'x', NULL) t(x)
--- empty matches in events
SELECT DISTINCT regexp_replace(action, '[.]*', '-') AS x FROM audit_logs ORDER BY x LIMIT 5
--- a pattern behind ^ that finds an empty text
SELECT regexp_replace('aab', '^a?', '-'), regexp_replace('007', '^0*', ''), regexp_replace('ab', '^', '-'), regexp_split('ab cd', '^'), regexp_extract_all('ab cd', '^'), regexp_count('ab', '^'), regexp_count('ab', '^a*'), regexp_extract_all('ab', '$'), regexp_count('', '^$'), regexp_replace('aab', '(^a?)', '<$1>'), regexp_replace('aab', '^a?|^b?', '-')
--- a pattern behind ^ over several lines
SELECT regexp_replace(x, '^a?', '-'), regexp_split(x, '^'), regexp_count(x, '^'), regexp_replace(x, '\Aa*', '-') FROM (VALUES concat('a', chr(10), 'b'), concat('b', chr(10), 'a'), concat(chr(10), 'a')) t(x)
--- a pattern that looks back
SELECT regexp_extract_all('ab cd', '\b\w'), regexp_replace('ab cd', '\b\w', '-'), regexp_split('ab cd', '\b\w'), regexp_replace('aab', '^a', '-'), regexp_split('aab', '^a'), regexp_extract_all('aab', '^a')
--- empty texts between words
--- refused: regular expressions
SELECT regexp_replace('ab cd', '\b', '|'), regexp_split('ab cd', '\b'), regexp_extract_all('ab cd', '\b')
--- empty texts at lines
--- refused: regular expressions
SELECT regexp_replace(concat('a', chr(10), 'b'), '(?m)^', '-')
--- a replacement with a group that is not there
SELECT regexp_replace('abc', 'b', '$1')
--- a replacement with a second group that is not there
SELECT regexp_replace('abc', '(b)', '$1$2')
--- a replacement with a group that is not there, where nothing is found
--- refused: regular expressions
SELECT regexp_replace('abc', 'x', '$1')
--- splits at the ends
SELECT regexp_split('aXbX', 'X'), regexp_split('XaXb', 'X'), regexp_split('', 'X'), regexp_split('X', 'X')
--- greatest of arrays with NULL
SELECT greatest(ARRAY[1, NULL], ARRAY[1, 3])
--- greatest of arrays that differ before NULL
--- refused: types
SELECT greatest(ARRAY[2, NULL], ARRAY[1, 3]), greatest(ARRAY[1, 3], ARRAY[2, NULL]), least(ARRAY[2, NULL], ARRAY[1, 3])
--- greatest of arrays
SELECT greatest(ARRAY[1, 2], ARRAY[1, 3]), least(ARRAY['a'], ARRAY['b', 'c'], ARRAY['a', 'a']), greatest(ARRAY[1], NULL), greatest(true, false)
--- greatest of arrays of doubles
--- refused: types
SELECT greatest(ARRAY[1.5e0], ARRAY[2e0])
--- greatest of arrays beside NULL
SELECT greatest(ARRAY[1, 2], ARRAY[1, NULL], NULL)
--- greatest of an array with NULL and NULL
--- refused: types
SELECT greatest(ARRAY[2, NULL], NULL), least(NULL, ARRAY[2, NULL])
--- greatest of json
SELECT greatest(json_parse('1'), json_parse('2'))
--- least of maps
SELECT least(map(ARRAY['a'], ARRAY[1]), map(ARRAY['b'], ARRAY[1]))
--- max of arrays of json
SELECT max(ARRAY[json_parse('1')]) FROM (VALUES 1) t(x)
--- max_by arrays of maps
SELECT max_by(x, ARRAY[map(ARRAY['b'], ARRAY[1])]) FROM (VALUES 1) t(x)
--- array_max of arrays with NULL
SELECT array_max(ARRAY[ARRAY[1, NULL], ARRAY[1, 3]])
--- array_max of arrays that differ before NULL
--- refused: types
SELECT array_max(ARRAY[ARRAY[2, NULL], ARRAY[1, 3]])
--- array_max of arrays
SELECT array_max(ARRAY[ARRAY[1, 2], ARRAY[1, 3]]), array_min(ARRAY[ARRAY[1, 2], ARRAY[1, 3]]), array_max(ARRAY[ARRAY[1], NULL]), array_min(CAST(ARRAY[] AS array(array(integer))))
--- array_max of json
SELECT array_max(ARRAY[json_parse('1')])
--- array_min of arrays of maps
SELECT array_min(ARRAY[ARRAY[map(ARRAY['b'], ARRAY[1])]])
--- array_max and NaN
SELECT array_max(ARRAY[nan(), 1e0]), array_max(ARRAY[1e0, nan()]), array_max(ARRAY[nan()]), array_max(ARRAY[nan(), 1e0, nan(), 2e0]), array_max(ARRAY[2e0, nan(), 1e0]), array_max(ARRAY[nan(), NULL]), array_max(ARRAY[-infinity(), nan()])
--- array_min and NaN
SELECT array_min(ARRAY[nan(), 1e0]), array_min(ARRAY[1e0, nan()]), array_min(ARRAY[nan(), nan()]), array_min(ARRAY[nan(), NULL]), array_min(ARRAY[infinity(), nan()])
--- array_max of reals
SELECT array_max(ARRAY[CAST(nan() AS real), REAL '1.5']), array_max(ARRAY[REAL '1.5', REAL '2.5']), array_min(ARRAY[CAST(nan() AS real), REAL '1.5'])
--- NaN among elements
SELECT contains(ARRAY[nan()], nan()), contains(ARRAY[nan(), NULL], nan()), contains(ARRAY[1e0], nan()), array_position(ARRAY[nan()], nan()), array_remove(ARRAY[nan(), 1e0], nan()), array_remove(ARRAY[nan(), NULL, 1e0], 1e0), array_remove(ARRAY[nan(), NULL], nan()), array_remove(ARRAY[1e0], NULL)
--- NaN among elements of rows
SELECT x, contains(a, x), array_position(a, x), array_remove(a, x) FROM (VALUES (nan(), ARRAY[nan(), 1e0]), (1e0, ARRAY[nan(), 1e0]), (NULL, ARRAY[1e0]), (1e0, NULL), (nan(), NULL), (2e0, ARRAY[nan(), NULL]), (nan(), ARRAY[]), (double '-0.0', ARRAY[0e0])) t(x, a)
--- elements of other numbers
SELECT contains(ARRAY[1, 2], 1e0), contains(ARRAY[1, 2], nan()), contains(ARRAY[1e0, nan()], 1), array_position(ARRAY[1e0, nan()], 1), array_position(ARRAY[REAL '1.5'], REAL '1.5'), contains(ARRAY[REAL '0.1'], REAL '0.1'), contains(ARRAY[REAL '0.1'], 0.1e0), contains(ARRAY[0.1], 0.1e0), array_remove(ARRAY[1, 2], 1e0)
--- elements of other numbers that are rounded
SELECT contains(ARRAY[REAL '0.1'], 0.1), contains(ARRAY[0.1], REAL '0.1'), array_position(ARRAY[16777217], REAL '16777216'), array_position(ARRAY[REAL '16777216'], 16777217), contains(ARRAY[1234567890123456.123], 1234567890123456.123e0), array_remove(ARRAY[0.1, 0.25], REAL '0.25'), array_remove(ARRAY[0.1, 1234567890123456.123], 0.1e0), array_remove(ARRAY[1e0], 1234567890123456.123)
--- contains an array with NULL
SELECT contains(ARRAY[ARRAY[1, NULL]], ARRAY[1, NULL])
--- contains an array that differs from one with NULL
--- refused: types
SELECT contains(ARRAY[ARRAY[1, NULL]], ARRAY[2, 3])
--- array_position of an array with NULL
SELECT array_position(ARRAY[ARRAY[1, NULL]], ARRAY[1, NULL])
--- array_remove of an array with NULL
SELECT array_remove(ARRAY[ARRAY[1, NULL]], ARRAY[1, NULL])
--- arrays as elements
SELECT contains(ARRAY[ARRAY[1, 2]], ARRAY[1, 2]), contains(ARRAY[ARRAY[1, 2]], ARRAY[1, 3]), contains(ARRAY[ARRAY[1], NULL], ARRAY[2]), array_remove(ARRAY[ARRAY[1], ARRAY[2]], ARRAY[1]), array_position(ARRAY[ARRAY[1], ARRAY[2]], ARRAY[2]), contains(ARRAY[ARRAY[1]], NULL)
--- arrays of doubles as elements
--- refused: types
SELECT contains(ARRAY[ARRAY[1e0]], ARRAY[1e0])
--- json as elements
SELECT contains(ARRAY[json_parse('1')], json_parse('1')), array_position(ARRAY[json_parse('{"a": 1}'), json_parse('"x"')], json_parse('"x"'))
--- sets of NaN
SELECT array_distinct(ARRAY[nan(), nan()]), array_union(ARRAY[nan()], ARRAY[nan()]), array_intersect(ARRAY[nan()], ARRAY[nan()]), array_except(ARRAY[nan()], ARRAY[nan()]), arrays_overlap(ARRAY[nan()], ARRAY[nan()]), arrays_overlap(ARRAY[nan(), 1e0], ARRAY[1e0]), arrays_overlap(ARRAY[nan(), NULL], ARRAY[nan()])
--- sets beside an empty array
SELECT array_except(a, b), array_except(b, a), array_union(a, b), array_union(b, a), array_intersect(a, b), array_intersect(b, a), array_except(c, d), array_except(c, ARRAY['z']), array_except(e, ARRAY[]), array_union(c, d), arrays_overlap(a, b) FROM (VALUES (ARRAY[1, 1, NULL, NULL], CAST(ARRAY[] AS array(integer)), ARRAY['x', 'x'], CAST(ARRAY[] AS array(varchar)), ARRAY[0e0, 0e0])) t(a, b, c, d, e)
--- sets of arrays with NULL
SELECT array_distinct(ARRAY[ARRAY[1, NULL], ARRAY[1, NULL]]), array_union(ARRAY[ARRAY[1, NULL]], ARRAY[ARRAY[1, NULL]]), arrays_overlap(ARRAY[ARRAY[1, NULL]], ARRAY[ARRAY[1, NULL]])
--- sums of reals
SELECT CAST(sum(x) AS double), sum(x), sum(DISTINCT x), CAST(avg(x) AS double), typeof(sum(x)), sum(x) FILTER (WHERE x > 9) FROM (VALUES REAL '0.1', REAL '0.2') t(x)
--- sums of reals in HAVING
SELECT sum(x) FROM (VALUES REAL '0.1', REAL '0.2') t(x) HAVING sum(x) = REAL '0.3'
--- sums of reals in windows
SELECT x, CAST(sum(x) OVER (ORDER BY x) AS double), CAST(avg(x) OVER (ORDER BY x) AS double), CAST(sum(x) OVER () AS double) FROM (VALUES REAL '0.1', REAL '0.2', REAL '0.7', NULL) t(x)
--- sums of big reals
SELECT sum(x), CAST(sum(y) AS double) FROM (VALUES (REAL '3e38', REAL '16777216'), (REAL '3e38', REAL '1'), (NULL, REAL '1')) t(x, y)
--- signs of numbers
SELECT sign(REAL '1.5'), sign(REAL '-0.5'), sign(CAST(nan() AS real)), sign(-0e0), sign(nan()), sign(DECIMAL '-1.50'), sign(CAST(NULL AS real))
--- means of reals
SELECT geometric_mean(x), geometric_mean(DISTINCT x), avg(x), min(x), max(x), round(stddev(x), 6) FROM (VALUES REAL '0.1', REAL '0.2') t(x)
--- geometric_mean of decimals
SELECT geometric_mean(x), geometric_mean(CAST(x AS double)), geometric_mean(1) FROM (VALUES DECIMAL '0.1', DECIMAL '0.2') t(x)
--- approx_percentile of decimals
SELECT approx_percentile(x, 0.5), CAST(approx_percentile(y, 0.5) AS double) FROM (VALUES (DECIMAL '0.1', DECIMAL '123456789.1')) t(x, y)
--- functions of reals
SELECT sqrt(x), ln(x), abs(x), round(x), ceil(x), floor(x), truncate(x), power(x, 2), round(x, 1), -x, x * 2, x / 2, x + 1.5 FROM (VALUES REAL '0.15', REAL '2.5', REAL '-0.0') t(x)
--- rounding to zero
SELECT round(double '-0.0'), round(-0.4e0), round(REAL '-0.4'), round(REAL '-0.04', 1), round(double '-0.0', 1), round(-0.04e0, 1), round(REAL '-0.0'), round(REAL '-0.0', 1), round(nan()), round(CAST(NULL AS double))
--- rounding reals
SELECT round(REAL '2.675', 2), round(REAL '1234.5', -2), round(REAL '0.5'), round(REAL '-2.5'), round(REAL '1e30', 2), round(REAL '3.4e38', 5), round(REAL 'Infinity'), round(REAL 'NaN', 1), round(REAL '16777217'), round(REAL '8388609.5')
--- json_value with a path in parentheses
SELECT json_value('{"a": 1}', ('lax $.a'))
--- json_value with a path in parentheses and more
SELECT json_value('{}', ('lax $.a'), 'returning')
--- json_value with a path and a text
SELECT json_value('{}', 'lax $.a', 'empty=error')
--- json_value with a path as a parameter
--- with: 'lax $.a'
SELECT json_value('{"a": 1}', ?)
--- json_exists with a computed path
SELECT json_exists('{"a": 1}', 'lax ' || '$.a')
--- json_query with a column as a path
SELECT json_query('{"a": 1}', action) FROM audit_logs
--- json_extract_scalar of no JSON over no rows
SELECT json_extract_scalar('a', '$'), json_extract_scalar('a', '$.b') FROM audit_logs WHERE action = 'none'
