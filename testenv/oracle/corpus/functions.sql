--- array_intersect of arrays of different lengths
SELECT array_intersect(ARRAY[3, 1], ARRAY[1, 2, 3]), array_intersect(ARRAY[1, 2, 3], ARRAY[3, 1]), array_intersect(ARRAY[3, 1, 2], ARRAY[1, 2, 3]), array_intersect(ARRAY[3, 1], ARRAY[1, 1, 3, 3]), array_intersect(ARRAY[NULL, 3], ARRAY[3, 2, NULL, NULL]), array_intersect(ARRAY['b', 'a'], ARRAY['a', 'c', 'b'])
--- array_intersect in rows
SELECT array_intersect(a, b), array_intersect(b, a), array_intersect(a, ARRAY[]), array_intersect(CAST(ARRAY[] AS array(integer)), b), array_intersect(a, NULL), array_intersect(NULL, b) FROM (VALUES (ARRAY[3, 1], ARRAY[1, 2, 3]), (ARRAY[1, 1, NULL], ARRAY[NULL]), (NULL, ARRAY[1]), (ARRAY[1], NULL)) t(a, b)
--- concat_ws of NULLs in an array
SELECT concat_ws(',', CAST(ARRAY[NULL] AS array(varchar))), concat_ws(',', ARRAY[NULL]), concat_ws(',', CAST(ARRAY[] AS array(varchar))), concat_ws(CAST(NULL AS varchar), CAST(ARRAY[] AS array(varchar))), concat_ws(CAST(NULL AS varchar), ARRAY['a']), concat_ws(',', CAST(NULL AS array(varchar))), concat_ws(',', ARRAY['a', NULL, '', 'b']), concat_ws(',', CAST(NULL AS varchar)), concat_ws(NULL, 'a')
--- concat_ws of an array in rows
SELECT concat_ws(s, a), concat_ws(s, x, NULL, x) FROM (VALUES ('-', ARRAY['a', 'b'], 'x'), ('-', ARRAY[NULL], NULL), (NULL, ARRAY['a'], 'x'), (NULL, CAST(ARRAY[] AS array(varchar)), ''), ('', CAST(NULL AS array(varchar)), 'y'), ('', ARRAY['a', NULL, 'b'], 'z')) t(s, a, x)
--- concat_ws of 254 elements
SELECT length(concat_ws(',', repeat('a', 254)))
--- concat_ws of 255 elements
SELECT length(concat_ws(',', repeat('a', 255)))
--- concat_ws of 255 NULLs
SELECT length(concat_ws(',', repeat(CAST(NULL AS varchar), 255)))
--- concat_ws of texts of 1 MiB
SELECT length(concat_ws('', x, x, x, x)) FROM (VALUES array_join(repeat(lpad('', 1024, 'x'), 256), '')) t(x)
--- concat_ws of texts over 1 MiB
SELECT length(concat_ws('-', x, x, x, x)) FROM (VALUES array_join(repeat(lpad('', 1024, 'x'), 256), '')) t(x)
--- concat_ws of NULL alone
SELECT concat_ws(',', NULL)
--- concat_ws of an array of 1 MiB
SELECT length(concat_ws('', ARRAY[x, x, NULL, x, x])) FROM (VALUES array_join(repeat(lpad('', 1024, 'x'), 256), '')) t(x)
--- concat_ws of an array over 1 MiB
SELECT length(concat_ws('-', ARRAY[x, x, x, x])) FROM (VALUES array_join(repeat(lpad('', 1024, 'x'), 256), '')) t(x)
--- concat_ws in functions
SELECT transform(ARRAY['a', NULL], x -> concat_ws('-', x, 'y')), transform(ARRAY[ARRAY['a', 'b'], NULL], x -> concat_ws('-', x)), concat_ws(',', array_agg(x ORDER BY x)), concat_ws(max(x), min(x), max(x)), array_agg(concat_ws('-', x, x) ORDER BY x) FROM (VALUES 'p', 'q') t(x)
--- array_join over 1 MiB
SELECT length(array_join(ARRAY[x, x, x, x, x], '-')) FROM (VALUES array_join(repeat(lpad('', 1024, 'x'), 256), '')) t(x)
--- replace over 1 MiB
SELECT length(replace(x, 'x', 'xxxxx')) FROM (VALUES array_join(repeat(lpad('', 1024, 'x'), 256), '')) t(x)
--- listagg of 1 MiB
SELECT length(listagg(x) WITHIN GROUP (ORDER BY x)) FROM (SELECT lpad('', 8192, 'x') AS x FROM UNNEST(sequence(1, 128)) t(i))
--- listagg over 1 MiB
SELECT length(listagg(x, '') WITHIN GROUP (ORDER BY x)) FROM (SELECT lpad('', 8192, 'x') AS x FROM UNNEST(sequence(1, 129)) t(i))
--- listagg over 1 MiB by its separators
SELECT length(listagg(x, ',') WITHIN GROUP (ORDER BY x)) FROM (SELECT lpad('', 8192, 'x') AS x FROM UNNEST(sequence(1, 128)) t(i))
--- listagg in groups
SELECT k, listagg(x, ',') WITHIN GROUP (ORDER BY x), listagg(DISTINCT x) WITHIN GROUP (ORDER BY x), listagg(x, '-') WITHIN GROUP (ORDER BY x DESC) FILTER (WHERE x > 'a') FROM (VALUES (1, 'a'), (1, 'b'), (1, 'b'), (2, NULL), (3, '')) t(k, x) GROUP BY k HAVING listagg(x) WITHIN GROUP (ORDER BY x) IS NOT NULL OR k = 2 ORDER BY listagg(x) WITHIN GROUP (ORDER BY x), k
--- documents with a comma before the end
SELECT json_array_length('[1,2,]'), json_array_length('[1,2 , ]'), json_extract_scalar('{"a":[1,],"b":2}', '$.b'), json_extract_scalar('{"b":2,"a":[1,]}', '$.b'), json_extract_scalar('{"b":2,}', '$.b'), json_extract_scalar('{"b":2,}', '$.c'), json_extract_scalar('{"a":{"x":1 , },"b":2}', '$.b'), json_extract('[1,2,]', '$[1]'), json_size('[1,2,]', '$'), json_extract_scalar('{"a":",]","b":2}', '$.b')
--- documents with numbers that are none
SELECT json_extract_scalar('{"x":NaN,"b":2}', '$.b'), json_extract_scalar('{"b":2,"x":NaN}', '$.b'), json_extract_scalar('{"x":NaN}', '$.x'), json_extract_scalar('{"x":-Infinity,"b":2}', '$.b'), json_extract_scalar('{"x": inf,"b":2}', '$.b'), json_extract_scalar('NaN', '$'), json_extract_scalar(' Infinity', '$'), json_array_length('[NaN]'), json_array_length('[1,nan,Infinity]'), json_extract_scalar('{"x":": nan","b":2}', '$.b'), json_extract_scalar('{"x":+1,"b":2}', '$.b'), json_extract_scalar('{"x":01,"b":2}', '$.b'), json_extract_scalar('{"x":1.,"b":2}', '$.b')
--- documents that only look so, in rows
SELECT x, json_extract_scalar(x, '$.b'), json_extract_scalar(x, '$.a.c'), json_extract_scalar(x, '$'), json_array_length(x), json_size(x, '$'), json_extract(x, '$.b') FROM (VALUES '{"a":",]","b":2}', '{"a":[1,],"b":2}', '{"a":{"c":Infinity},"b":2}', '{"b":"inf","a":{"c":":NaN"}}', '[1,2,]', '[1,2] x', '[1,2', '', 'NaN', NULL) t(x)
--- arrays that go wrong later
SELECT json_array_contains('[1,2', 1), json_array_contains('[1,2', 3), json_array_contains('[1,2] x', 3), json_array_contains('[1,2] x', 2), json_array_length('[1,2] x'), json_array_length('[1,2]]'), json_array_length('[1,2'), json_array_length('[1,2,x]'), json_array_contains('[1,x,2]', 1), json_array_contains('[1,x,2]', 2), json_array_contains('["a"', 'a'), json_array_contains('["a', 'a'), json_array_contains('[true', true), json_array_contains('[tru', true), json_array_contains('[1.5', 1.5e0), json_array_contains('[1', 1), json_array_contains('[1.', 1e0)
--- arrays and what they contain
SELECT json_array_contains('[[1],{"a":1},1]', 1), json_array_contains('[[1],{"a":1}]', 1), json_array_contains('[[1,]', 1), json_array_contains('[1.0]', 1), json_array_contains('[1]', 1e0), json_array_contains('[1e400]', infinity()), json_array_contains('{}', infinity()), json_array_contains('[]', nan()), json_array_contains('["1"]', 1), json_array_contains('[-0]', 0), json_array_contains('[-0.0]', 0e0), json_array_contains('[12345678901234567890]', 1), json_array_contains('{"a":1}', 1), json_array_contains('1', 1), json_array_contains('', 1), json_array_contains(' [ "\u0061" ] ', 'a'), json_array_contains('["A"]', 'a'), json_array_contains('[null]', 'null')
--- lengths of arrays
SELECT json_array_length(' [ 1 , [2, 3], {"a": [4]} ] '), json_array_length('[]'), json_array_length('{}'), json_array_length('null'), json_array_length(''), json_array_length('x[]'), json_array_length('[[1,]'), json_array_length('[[1,],2]'), json_array_length(json_parse('[1,[2]]')), json_array_length(json_parse('{}')), json_array_length(CAST(NULL AS varchar)), json_array_length(TRY(json_parse('[')))
--- round to tens
SELECT round(512345e0, -5), round(512345e0, -1), round(512345e0, -2), round(512345e0, -3), round(512345e0, -4), round(512345e0, -6), round(-512345e0, -5), round(123456789e0, -9), round(523456789e0, -9), round(5e22, -22), round(1.5e15, -15), round(7e7, -7), round(-4e0, -1), round(-6e0, -1), round(1e300, -299), round(1e300, -310), round(123e0, 400), round(1e300, 10)
--- round to far tens
SELECT round(1e0, -400), round(0e0, -400), round(-1e0, -330), round(infinity(), -1), round(-infinity(), -400), round(nan(), -1), round(infinity(), 2)
--- round to digits that are computed
SELECT x, n, round(x, n), round(-x, n), round(CAST(x AS real), n) FROM (VALUES 512345e0, 5.5e10, 123.456e0, 0e0, 9.9999e15) t(x) CROSS JOIN (VALUES -12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, NULL) u(n) ORDER BY x, n
--- round to many tens
SELECT n, round(7.5e24, n), round(1e30 / 3e0, n), round(2e0 / 3e0 * 1e25, n) FROM (SELECT CAST(i AS integer) FROM UNNEST(sequence(-30, 0)) t(i)) u(n) ORDER BY n
--- round reals to tens
SELECT round(REAL '512345', -5), round(REAL '-512345', -1), round(REAL '3.4028e38', -35), round(REAL '3.4e38', -38), round(REAL '123.45', 1), round(REAL 'Infinity', -2), round(REAL 'NaN', -2), round(CAST(NULL AS real), -2), round(REAL '0', -2), round(REAL '-4', -1)
--- round to NULL digits
SELECT round(1.5e0, CAST(NULL AS integer)), round(CAST(NULL AS double), -1), round(infinity(), CAST(NULL AS integer))
--- a JSON path with a quoted name behind a point
SELECT json_extract_scalar('{"a":1}', '$."a"')
--- a JSON path with a quoted name behind a point, extracted
SELECT json_extract('{"a":1}', '$."a"')
--- a JSON path with a quoted name behind a point, of a size
SELECT json_size('{"a":[1]}', '$."a"')
--- a JSON path with a dash
SELECT json_extract_scalar('{"a–b":1}', '$.a–b')
--- a JSON path with a picture
SELECT json_extract_scalar('{"😀":1}', '$.😀')
--- a JSON path with a combining character
SELECT json_extract_scalar('{"é":1}', '$.é')
--- a computed JSON path with a quoted name
SELECT json_extract_scalar('{"a":1}', p) FROM (VALUES '$."a"') t(p)
--- JSON paths of letters
SELECT json_extract_scalar('{"日本":1,"ü":2,"a:b":3,"_":4,"😀":5,"a–b":6}', '$.日本'), json_extract_scalar('{"ü":2}', '$.ü'), json_extract_scalar('{"a:b":3}', '$.a:b'), json_extract_scalar('{"_":4}', '$._'), json_extract_scalar('{"😀":5}', '$["😀"]'), json_extract_scalar('{"a–b":6}', '$["a–b"]'), json_extract_scalar('{"a":7}', '$[a]'), json_extract_scalar('{"7":8}', '$.7'), json_extract_scalar('[1,2]', '$.1')
--- JSON paths of names that are numbers
SELECT json_extract_scalar('[1,2]', '$["1"]'), json_extract_scalar('[1,2]', '$["+1"]'), json_extract_scalar('[1,2]', '$["-1"]'), json_extract('[1,2]', '$["-1"]'), json_extract('[1,2]', '$["01"]'), json_extract_scalar('{"-1":3}', '$["-1"]'), json_extract_scalar('{"+1":3}', '$["+1"]'), json_size('[[1],2]', '$["-1"]')
--- strpos of instance 0
SELECT strpos('abc', 'a', 0)
--- strpos of instance 0 of nothing
SELECT strpos('abc', '', 0)
--- strpos of instances in rows
SELECT n, strpos('abcabc', 'a', n), strpos('aaa', 'aa', n), strpos('', '', n), strpos(CAST(NULL AS varchar), 'a', 0), strpos('a', 'a', CAST(NULL AS bigint)) FROM (VALUES 1, 2, 3, -1, -2, -3, NULL) t(n)
--- lpad with nothing
SELECT lpad('abc', 2, '')
--- rpad with nothing
SELECT rpad('abc', 3, '')
--- lpad with nothing of NULL
SELECT lpad(CAST(NULL AS varchar), 2, ''), rpad('abc', CAST(NULL AS integer), ''), lpad('abc', 2, CAST(NULL AS varchar)), lpad('', 0, 'x'), rpad('abc', 2, 'x')
--- lpad with nothing of rows
SELECT TRY(lpad(x, 2, p)), TRY(rpad(x, 9, p)) FROM (VALUES ('abc', ''), ('abc', 'x'), (NULL, ''), ('', '')) t(x, p)
--- nth_value at a negative place
SELECT nth_value(x, -1) OVER (ORDER BY x) FROM (VALUES 1, 2) AS t(x)
--- nth_value at zero as a bigint
SELECT nth_value(x, CAST(0 AS bigint)) OVER (ORDER BY x) FROM (VALUES 1, 2) AS t(x)
--- nth_value at a computed place
--- refused: text in an unclear form
SELECT x, nth_value(x, n) OVER (ORDER BY x) FROM (VALUES (1, 1), (2, 2), (3, 1)) AS t(x, n)
--- nth_value at a computed place below 1
SELECT x, nth_value(x, n) OVER (ORDER BY x) FROM (VALUES (1, 1), (2, 0)) AS t(x, n)
--- nth_value at a fraction
SELECT nth_value(x, 1.5) OVER (ORDER BY x) FROM (VALUES 1, 2) AS t(x)
--- nth_value at places
SELECT x, nth_value(x, 1) OVER (ORDER BY x), nth_value(x, CAST(2 AS bigint)) OVER (ORDER BY x), nth_value(x, 3) OVER (ORDER BY x DESC), nth_value(x, NULL) OVER (ORDER BY x) FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x
--- approx_percentile below 0
SELECT approx_percentile(x, -0.5) FROM (VALUES 1, 2, 3) t(x)
--- approx_percentile above 1
SELECT approx_percentile(x, 1.5e0) FROM (VALUES 1, 2, 3) t(x)
--- approx_percentile at 2
SELECT approx_percentile(x, 2) FROM (VALUES 1, 2, 3) t(x)
--- approx_percentile below 0 of doubles
SELECT approx_percentile(x, -1e-3) FROM (VALUES 1e0, 2e0, 3e0) t(x)
--- approx_percentile of no number
SELECT approx_percentile(x, nan()) FROM (VALUES 1e0, 2e0, 3e0) t(x)
--- approx_percentile at the ends
SELECT approx_percentile(x, 0), approx_percentile(x, 1), approx_percentile(x, 0.0), approx_percentile(x, 1e0), approx_percentile(x, 1.00), approx_percentile(x, DECIMAL '0.5'), approx_percentile(CAST(x AS double), 5e-1) FROM (VALUES 1, 2, 3) t(x)
--- from_base64 without padding
SELECT to_hex(from_base64('YQ')), to_hex(from_base64('YWI')), to_hex(from_base64('YWJj')), to_hex(from_base64('YQ==')), to_hex(from_base64('YWI=')), to_hex(from_base64('')), to_hex(from_base64('YR')), to_hex(from_base64('YWJjZA'))
--- from_base64 with half of the padding
SELECT to_hex(from_base64('YQ='))
--- from_base64 with padding too much
SELECT to_hex(from_base64('YWJj='))
--- from_base64 with a line feed
SELECT to_hex(from_base64(concat('YWJj', chr(10), 'YWJj')))
--- from_base64 with a line feed at the end
SELECT to_hex(from_base64(concat('YWJj', chr(13), chr(10))))
--- from_base64 of one character
SELECT to_hex(from_base64('Y'))
--- from_base64 of five characters
SELECT to_hex(from_base64('YWJjY'))
--- from_base64 of padding
SELECT to_hex(from_base64('=='))
--- from_base64 with more behind the padding
SELECT to_hex(from_base64('YQ==YQ=='))
--- split to too many parts
SELECT split('a,b', ',', 3000000000)
--- split to many parts
SELECT split('a,b', ',', 2147483647), split('a,b,', ',', 2), split('', ',', 5), split('a,b', ',', 1)
--- split at nothing into one part
SELECT split('a,b', '', 1)
--- split_part by nothing
SELECT split_part('', '', 1), split_part('abc', '', 1), split_part('abc', '', 3), split_part('abc', '', 4), split_part('', ',', 1), split_part('', ',', 2), split_part('a😀b', '', 2), split_part('é', '', 1), split_part('👩‍👩‍👧', '', 2)
--- split_part far away
SELECT split_part('a,b,c', ',', 3000000000)
--- levenshtein_distance of long texts
SELECT levenshtein_distance(lpad('', 1000, 'a'), lpad('', 1001, 'b')), levenshtein_distance(lpad('', 100000, 'a'), lpad('', 11, 'b')), levenshtein_distance(lpad('', 100000, 'a'), 'a'), levenshtein_distance('', lpad('', 100000, 'a'))
--- levenshtein_distance of too long texts
SELECT levenshtein_distance(lpad('', 1001, 'a'), lpad('', 1001, 'b'))
--- levenshtein_distance of a too long text
SELECT levenshtein_distance(lpad('', 12, 'a'), lpad('', 100000, 'b'))
--- words and what follows them in arrays
SELECT json_array_contains('[truex', true), json_array_contains('[true:', true), json_array_contains('[true$', true), json_array_contains('[true 1', true), json_array_contains('[1x', 1), json_array_contains('[1.5x', 1.5e0), json_array_contains('["a"x', 'a'), json_array_contains('[falseé', false), json_array_contains('[false]x', true), json_array_length('[nullx]'), json_array_length('[null]x')
--- halves of surrogates that are passed by
SELECT json_extract_scalar('{"a":"\ud83d","b":2}', '$.b'), json_extract('{"a":"\ud83d","b":2}', '$.b'), json_extract_scalar('{"\ud83d":1,"b":2}', '$.b'), json_array_contains('["\ud83d",1]', 1), json_array_length('["\ud83d",1]'), json_array_contains('["\ud83d"]', 'x')
--- size of a document with half of a surrogate
--- refused: SQL/JSON
SELECT json_size('{"a":"\ude00","b":2}', '$')
--- half of a surrogate
--- refused: SQL/JSON
SELECT json_extract_scalar('{"a":"x\ud83dy"}', '$.a')
--- half of a surrogate, extracted
--- refused: SQL/JSON
SELECT json_extract('{"a":"x\ud83dy"}', '$.a')
--- half of a surrogate, looked for
SELECT json_array_contains('["\ud83d"]', '?'), json_array_contains('["\ud83d"]', '�')
--- half of a surrogate, by json_value
--- refused: SQL/JSON
SELECT json_value('{"a":"x\ud83dy","b":2}', 'lax $.b'), json_value('{"a":"x\ud83dy"}', 'lax $.a')
--- a function of 127 arguments
SELECT length(concat_ws(',', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'))
--- a function of 128 arguments
SELECT length(concat_ws(',', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'))
--- greatest of 128 arguments
SELECT greatest(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
--- a row of 128 fields
SELECT ROW(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)[128]
--- coalesce of 128 arguments
SELECT coalesce(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
--- half of a surrogate, by json_query
--- refused: SQL/JSON
SELECT json_query('{"a":"\ud83d"}', 'lax $.a')
--- half of a surrogate, parsed
--- refused: SQL/JSON
SELECT json_parse('"\ud83d"')
--- pairs of surrogates
SELECT json_extract_scalar(x, '$.a'), json_extract(x, '$.a'), json_value(x, 'lax $.a'), json_array_contains(x, '😀') FROM (VALUES '{"a":"\ud83d\ude00"}', '{"a":"\\ud83d"}', '{"a":"\ud83d\ude00\ud83d\ude00 \\ \u00e9"}', '["\ud83d\ude00"]', '{"a":"\ude","b":1}', '{"a":"\') t(x)
