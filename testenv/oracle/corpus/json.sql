--- scalars
SELECT seq, json_extract_scalar(details, '$.attempt'), json_extract_scalar(details, '$.mfa'), json_extract_scalar(details, '$.none') FROM audit_logs WHERE retention = 'long'
--- numbers keep their digits
SELECT seq, json_extract_scalar(details, '$.rows'), json_extract_scalar(details, '$.size'), json_extract_scalar(details, '$.big'), json_extract_scalar(details, '$.neg'), json_extract_scalar(details, '$.exp'), json_extract_scalar(details, '$.zero') FROM audit_logs WHERE retention = 'long'
--- objects and arrays are no scalars
SELECT json_extract_scalar(details, '$.old'), json_extract_scalar(details, '$.tags'), json_extract_scalar(details, '$') FROM audit_logs WHERE retention = 'minimal'
--- names in brackets
SELECT json_extract_scalar(details, '$["a b"]["c.d"][1]'), json_extract(details, '$["a b"]["c.d"]'), json_extract_scalar(details, '$["$"]') FROM audit_logs WHERE actor_id = 'straße'
--- the empty name
SELECT json_extract_scalar(details, '$[""]') FROM audit_logs WHERE actor_id = 'straße'
--- a name with a quote
SELECT json_extract_scalar(details, '$["x\"y"]') FROM audit_logs WHERE actor_id = 'straße'
--- elements of arrays
SELECT json_extract_scalar(details, '$.filters[0]'), json_extract_scalar(details, '$.filters[2]'), json_extract_scalar(details, '$.filters[3]'), json_extract_scalar(details, '$.filters[9]') FROM audit_logs WHERE action = 'report.export'
--- deep
SELECT json_extract_scalar(details, '$.deep.a.b.c.d[1][1][0]'), json_extract(details, '$.deep.a.b.c.d'), json_extract(details, '$.deep.a.b') FROM audit_logs WHERE action = 'api_key.delete'
--- unicode in json
SELECT json_extract_scalar(details, '$.unicode'), json_extract_scalar(details, '$.raw'), json_extract_scalar(details, '$.tab'), json_extract_scalar(details, '$.nl'), json_extract_scalar(details, '$.slash') FROM audit_logs WHERE action = 'api_key.create'
--- json_extract of what it finds
SELECT json_extract(details, '$.unicode'), json_extract(details, '$.tab'), json_extract(details, '$.slash') FROM audit_logs WHERE action = 'api_key.create'
--- json_extract of numbers
SELECT json_extract(details, '$.big'), json_extract(details, '$.neg'), json_extract(details, '$.exp'), json_extract(details, '$.list'), json_extract(details, '$.str'), json_extract(details, '$.bool') FROM audit_logs WHERE actor_id = 'STRASSE'
--- json_extract with blanks
SELECT json_extract(details, '$.spaced'), json_extract(details, '$') FROM audit_logs WHERE actor_id = 'UNAL'
--- json_extract of null
SELECT json_extract(details, '$.mfa'), json_extract(details, '$.mfa') IS NULL, json_extract(details, '$.none') IS NULL, json_extract_scalar(details, '$.mfa') IS NULL FROM audit_logs WHERE retention = 'long' AND resource_type = 'session'
--- text that is no json
SELECT json_extract_scalar('no json', '$.a'), json_extract('{"a":', '$.a'), json_extract_scalar('', '$'), json_extract_scalar('{"a":1} x', '$.a')
--- json of a scalar
SELECT json_extract_scalar('5', '$'), json_extract_scalar('"a"', '$'), json_extract_scalar('true', '$'), json_extract_scalar('null', '$'), json_extract('[1,2]', '$[1]')
--- parts of other things
SELECT json_extract_scalar('"abc"', '$.a'), json_extract_scalar('[1]', '$.a'), json_extract_scalar('{"a":1}', '$[0]'), json_extract_scalar('{"0":1}', '$[0]')
--- names that are there twice
SELECT json_extract_scalar('{"a":1,"a":2}', '$.a'), json_extract('{"a":1,"a":2}', '$.a')
--- names with letters of all sorts
SELECT json_extract_scalar('{"é":1}', '$.é'), json_extract_scalar('{"a-b":1}', '$["a-b"]'), json_extract_scalar('{"A":1}', '$.a'), json_extract_scalar('{"a_1":1}', '$.a_1'), json_extract_scalar('{"日本":"x"}', '$["日本"]')
--- a path that is none
SELECT json_extract_scalar('{"a":1}', 'a.b.')
--- a wildcard
SELECT json_extract('{"a":[{"b":1},{"b":2}]}', '$.a[*].b')
--- a path of a column
SELECT json_extract_scalar(details, '$.' || 'attempt') FROM audit_logs WHERE retention = 'long' AND resource_type = 'session'
--- json in a string
SELECT json_extract_scalar(json_extract_scalar(details, '$.nested'), '$.x'), json_extract_scalar(details, '$.nested') FROM audit_logs WHERE action = 'file.download'
--- length of arrays
SELECT seq, json_array_length(json_extract(details, '$.list')), json_array_length(json_extract(details, '$.tags')), json_array_length(details) FROM audit_logs WHERE retention <> 'standard'
--- length of other things
SELECT json_array_length('[1,2,3]'), json_array_length('[]'), json_array_length('{"a":1}'), json_array_length('no json'), json_array_length('[1,[2,3]]'), json_array_length(JSON '[1]')
--- json_array_contains
SELECT json_array_contains('[1,2,3]', 2), json_array_contains('["a","b"]', 'b'), json_array_contains('[true]', true), json_array_contains('[1.5]', 1.5e0), json_array_contains('no json', 1), json_array_contains('[null]', 'null')
--- json_array_get
--- refused: functions
SELECT json_array_get('["a",[1],"c"]', 0), json_array_get('["a",[1],"c"]', 1), json_array_get('["a"]', 5), json_array_get('["a","b"]', -1)
--- json_size
SELECT json_size('{"a":{"b":1,"c":2}}', '$.a'), json_size('[1,2,3]', '$'), json_size('{"a":1}', '$.a'), json_size('{"a":1}', '$.x'), json_size(details, '$') FROM audit_logs WHERE action = 'order.delete' AND actor_id = 'UNAL'
--- json_format and json_parse
SELECT json_format(json_parse('{"b": 1, "a": [1, 2 ]}')), json_format(json_parse('1.50')), json_format(json_parse('"é\u0041\n"')), json_format(JSON 'null'), json_format(json_parse('1e2'))
--- json_parse of no json
SELECT json_parse('{a:1}')
--- json_parse of nothing
SELECT json_parse('')
--- json_format of a column
SELECT json_format(json_extract(details, '$.request')) AS request FROM audit_logs WHERE stream LIKE '01980000%' AND seq IN (1, 2, 3)
--- is_json_scalar
SELECT is_json_scalar('1'), is_json_scalar('[1]'), is_json_scalar('"a"'), is_json_scalar('null'), is_json_scalar('{}')
--- json_exists
SELECT json_exists('{"a":{"b":1}}', 'lax $.a.b'), json_exists('{"a":1}', 'lax $.x'), json_exists(details, 'strict $.mfa') FROM audit_logs WHERE retention = 'long' AND seq = 0
--- json_value with clauses
SELECT json_value('{"a":"x"}', 'lax $.a'), json_value('{"a":5}', 'lax $.a' RETURNING bigint), json_value('{"a":1}', 'lax $.x' DEFAULT 'none' ON EMPTY)
--- json_query with clauses
SELECT json_query('{"a":[1,2]}', 'lax $.a'), json_query('{"a":{"b":1}}', 'lax $.a'), json_query('{"a":[1,2]}', 'lax $.a[*]' WITH ARRAY WRAPPER)
--- json compares
--- refused: SQL/JSON
SELECT json_parse('{"a":1,"b":2}') = json_parse('{"b":2,"a":1}'), json_parse('1') = json_parse('1.0'), json_parse('[1,2]') = json_parse('[2,1]')
--- json groups
SELECT json_extract(details, '$.read_only') AS ro, count(*) FROM audit_logs WHERE stream LIKE '01980000%' GROUP BY 1
--- regions of the cloud
SELECT json_extract_scalar(details, '$.region') AS region, count(*) AS n FROM audit_logs WHERE stream LIKE '01980000%' GROUP BY 1 ORDER BY n DESC, region
--- reads and writes
SELECT json_extract_scalar(details, '$.read_only') AS ro, outcome, count(*) AS n FROM audit_logs WHERE stream LIKE '01980000%' GROUP BY 1, 2 ORDER BY 1, 2
--- buckets
SELECT json_extract_scalar(details, '$.request.bucketName') AS bucket, count(*) AS n FROM audit_logs WHERE action LIKE 's3.%' GROUP BY 1 ORDER BY n DESC, bucket LIMIT 20
--- parts of requests
SELECT seq, json_extract(details, '$.request.filterSet') AS f, json_extract_scalar(details, '$.request.filterSet.items[0].name') AS n FROM audit_logs WHERE action LIKE 'ec2.Describe%' AND json_extract(details, '$.request.filterSet.items') IS NOT NULL ORDER BY seq LIMIT 10
--- arrays out of json
SELECT t.x FROM audit_logs CROSS JOIN UNNEST(CAST(json_extract(details, '$.filters') AS array(varchar))) AS t(x) WHERE action = 'report.export'
--- maps out of json
SELECT t.k, t.v FROM audit_logs CROSS JOIN UNNEST(CAST(json_extract(details, '$.obj') AS map(varchar, varchar))) AS t(k, v) WHERE action = 'user.logout'
--- numbers out of json
SELECT sum(CAST(json_extract_scalar(details, '$.attempt') AS bigint)), max(try_cast(json_extract_scalar(details, '$.rows') AS bigint)), sum(try_cast(json_extract_scalar(details, '$.size') AS double)) FROM audit_logs WHERE retention = 'long'
--- json of a mixed array
SELECT json_extract(details, '$.mixed'), json_array_length(json_extract(details, '$.mixed')), json_extract_scalar(details, '$.mixed[1]'), json_extract_scalar(details, '$.mixed[2]'), json_extract_scalar(details, '$.mixed[4]') FROM audit_logs WHERE action = 'user.logout'
--- the order of names
SELECT json_extract('{"b":1,"a":{"d":1,"c":2}}', '$'), json_format(json_extract('{"z":{"y":1,"x":2}}', '$.z')), json_parse('{"b":1,"a":2}')
--- url parts
SELECT url_extract_host(u), url_extract_port(u), url_extract_path(u), url_extract_query(u), url_extract_fragment(u), url_extract_protocol(u), url_extract_parameter(u, 'r'), url_extract_parameter(u, 'q'), url_extract_parameter(u, 'none') FROM (SELECT json_extract_scalar(details, '$.url') AS u FROM audit_logs WHERE retention = 'standard' AND actor_id = 'İstanbul')
--- url encoding
SELECT url_encode('a b&c/日'), url_decode('a+b%26c%2F%E6%97%A5')
--- a computed path
SELECT DISTINCT json_extract_scalar(details, concat('$.', 'region')) AS r FROM audit_logs WHERE stream LIKE '01980000%' ORDER BY r
--- json beyond the first plane
SELECT json_format(json_parse('"😀"')), json_extract('{"😀":"é😀"}', '$'), json_extract_scalar('{"x":"😀"}', '$.x'), json_parse('{"z":"😀","a":1}')
--- json control characters
SELECT json_format(json_parse('"\u0001\u001f\u007f\u2028"')), json_extract_scalar('{"x":"\u0041\u00e9"}', '$.x')
--- json numbers of all sizes
SELECT json_parse('[0, -0, 1.0, 1.50, 1e2, 1E-10, 123456789012345678901234567890, 0.001, 0.0001, 1e7, 12345678.9]')
--- json with names twice
SELECT json_parse('{"a":1,"b":2,"a":3}'), json_extract('{"a":{"x":1,"x":2}}', '$.a')
--- broken json before and behind
SELECT json_extract_scalar('{"a":1,"b":', '$.a'), json_extract_scalar('{"a":1,"b":}', '$.b'), json_extract('{"a":[1,2}', '$.a'), json_extract_scalar('{"a" 1}', '$.a'), json_extract('[1,2', '$[0]')
--- numbers as names
SELECT json_extract_scalar('{"0":"zero"}', '$.0'), json_extract_scalar('["zero"]', '$.0'), json_extract_scalar('[["a"]]', '$[0][0]')
--- json_value
SELECT json_value(x, 'lax $.a') FROM (VALUES '{"a":"x"}', '{"a":5}', '{"a":1.50}', '{"a":1e2}', '{"a":-0}', '{"a":-0.0}', '{"a":true}', '{"a":null}', '{"a":{}}', '{"a":[1]}', '{"a":[]}', '{"b":1}', '[{"a":1}]', '[{"a":1},{"a":2}]', '[[{"a":1}]]', '5', 'null', '', 'x', '{"a":1', '{"a":1} trailing', ' {"a" : 1 } ', '{"a":1,"a":2}', '{"A":1}', NULL) AS t(x)
--- json_value of big numbers
SELECT json_value(x, 'lax $.a') FROM (VALUES '{"a":9223372036854775807}', '{"a":-9223372036854775808}', '{"a":9223372036854775808}', '{"a":12345678901234567890123}', '{"a":1E400}', '{"a":0.1}', '{"a":1e23}', '{"a":123456789.125}', '{"a":1e-7}', '{"a":100000000000000000000.5}') AS t(x)
--- json_value at paths
SELECT json_value(x, 'lax $'), json_value(x, 'lax $[0]'), json_value(x, 'lax $[1]'), json_value(x, 'strict $[1]'), json_value(x, 'lax $.a.b'), json_value(x, 'strict $.a.b'), json_value(x, 'lax $[*]'), json_value(x, 'lax $.*'), json_value(x, 'strict $.*'), json_value(x, 'lax $.a[0].b'), json_value(x, ' lax  $ . a [ 0 ] '), json_value(x, 'lax $."a"."b"') FROM (VALUES '{"a":{"b":"c"}}', '{"a":[{"b":"c"},{"b":"d"}]}', '["x"]', '["x","y"]', '"x"', '7', '[]', '{}', '[["x"]]', '{"a":"x"}') AS t(x)
--- json_value at names that are words
SELECT json_value('{"type":1,"size":2,"last":3,"to":4,"lax":5,"strict":6,"double":7,"abs":8,"keyvalue":9}', 'lax $.type'), json_value('{"size":2}', 'lax $.size'), json_value('{"last":3}', 'lax $.last'), json_value('{"to":4}', 'lax $.to'), json_value('{"lax":5}', 'lax $.lax'), json_value('{"strict":6}', 'lax $.strict'), json_value('{"double":7}', 'lax $.double'), json_value('{"a_1":1}', 'lax $.a_1'), json_value('{"ü":1}', 'lax $."ü"'), json_value('{"":1}', 'lax $.""'), json_value('{"a b":1}', 'lax $."a b"')
--- json_query
SELECT json_query(x, 'lax $.a') FROM (VALUES '{"a":"x"}', '{"a":5}', '{"a":1.50}', '{"a":1e2}', '{"a":true}', '{"a":null}', '{"a":{}}', '{"a":{"z":1,"b":[1, 2],"z":3}}', '{"a":[1, {"b":null}]}', '{"b":1}', '[{"a":1}]', '[{"a":1},{"a":2}]', '', 'x', '{"a":"\ud83d\ude00 é \" \\ \/ \n"}', '{"a":12345678901234567890}', '{"a":[1E400]}', NULL) AS t(x)
--- json_query at paths
SELECT json_query(x, 'lax $'), json_query(x, 'lax $[0]'), json_query(x, 'strict $[0]'), json_query(x, 'lax $.*'), json_query(x, 'lax $[*]') FROM (VALUES '{"a":{"b":"c"}}', '["x"]', '[{"b":1}]', '"x"', '7', 'null', '[]', '{}') AS t(x)
--- json_exists at paths
SELECT json_exists(x, 'lax $'), json_exists(x, 'lax $.a'), json_exists(x, 'strict $.a'), json_exists(x, 'lax $[0]'), json_exists(x, 'strict $[0]'), json_exists(x, 'lax $.*'), json_exists(x, 'strict $[*]') FROM (VALUES '{"a":null}', '{"b":1}', '[{"a":1}]', '[]', '{}', '5', 'null', '', 'x', NULL) AS t(x)
--- json_value of the archive
SELECT json_value(details, 'lax $.region') AS region, count(*) AS n FROM audit_logs WHERE stream LIKE '01980000%' GROUP BY 1 ORDER BY n DESC, region
--- json_exists of the archive
SELECT count_if(json_exists(details, 'lax $.request')), count_if(json_exists(details, 'strict $.region')), count_if(json_exists(details, 'lax $')) FROM audit_logs
--- keys of json sorted
SELECT CAST(map(ARRAY['b', 'a', 'B', 'é', ''], ARRAY[1, 2, 3, 4, 5]) AS json), json_format(CAST(map(ARRAY['😀', chr(65518), 'z'], ARRAY[1, 2, 3]) AS json)), json_parse('{"😀":1,"\uffee":2,"a":3}'), CAST(ARRAY[map(ARRAY['y', 'x'], ARRAY[1, 2])] AS json), CAST(histogram(x) AS json) FROM (VALUES 'q', 'p', 'q', 'o') AS t(x)
--- texts as json
SELECT json_format(CAST(x AS json)) FROM (VALUES 'a', '', '😀', 'é/"\', chr(10) || chr(9) || chr(1) || chr(127), chr(8232)) AS t(x)
--- json_value of what begins with a number
SELECT json_value(x, 'lax $'), json_exists(x, 'lax $') FROM (VALUES '2024-02-29', '2024', '1 2', '1x', '-', '1.5.2', ' 7 ', '7,', '1e2e3') AS t(x)
--- json_value returning numbers
SELECT x, json_value(x, 'lax $.a' RETURNING bigint), json_value(x, 'lax $.a' RETURNING integer), json_value(x, 'lax $.a' RETURNING smallint), json_value(x, 'lax $.a' RETURNING double), json_value(x, 'lax $.a' RETURNING real), json_value(x, 'lax $.a' RETURNING decimal(10,2)) FROM (VALUES '{"a":"x"}', '{"a":"12"}', '{"a":" 12 "}', '{"a":"1.5"}', '{"a":"1e2"}', '{"a":5}', '{"a":1.50}', '{"a":2.5}', '{"a":-2.5}', '{"a":1e2}', '{"a":-0}', '{"a":-0.0}', '{"a":true}', '{"a":false}', '{"a":null}', '{"a":{}}', '{"a":[1]}', '{"a":[]}', '{"b":1}', '[{"a":1},{"a":2}]', 'x', '{"a":1', '{"a":9223372036854775807}', '{"a":9223372036854775808}', '{"a":3000000000}', '{"a":70000}', '{"a":1E400}', '{"a":1e300}', '{"a":"NaN"}', '{"a":0.005}', '{"a":123456789.125}', '{"a":1.005}', '{"a":"1.005"}', NULL) AS t(x)
--- json_value returning other types
SELECT x, json_value(x, 'lax $.a' RETURNING boolean), json_value(x, 'lax $.a' RETURNING varchar), json_value(x, 'lax $.a' RETURNING date), json_value(x, 'lax $.a' RETURNING timestamp) FROM (VALUES '{"a":"true"}', '{"a":"t"}', '{"a":"1"}', '{"a":"yes"}', '{"a":1}', '{"a":0}', '{"a":0.0}', '{"a":0.1}', '{"a":true}', '{"a":"2024-02-29"}', '{"a":"2024-2-9"}', '{"a":"2024-02-30"}', '{"a":"2024-02-29 12:34:56.789"}', '{"a":"2024-02-29 12:34"}', '{"a":"2024-02-29T12:34:56Z"}', '{"a":20240229}', '{"a":null}', '{"b":1}', '{"a":[]}') AS t(x)
--- json_value with defaults
SELECT x, json_value(x, 'lax $.a' DEFAULT 'none' ON EMPTY), json_value(x, 'lax $.a' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR), json_value(x, 'lax $.a' NULL ON EMPTY DEFAULT x ON ERROR), json_value(x, 'strict $.a' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR), json_value(x, 'lax $.a' RETURNING bigint DEFAULT -1 ON EMPTY DEFAULT -2 ON ERROR), json_value(x, 'lax $.a' RETURNING bigint DEFAULT length(x) + 1 ON EMPTY) FROM (VALUES '{"a":"x"}', '{"a":5}', '{"a":null}', '{"a":{}}', '{"b":1}', '[{"a":1},{"a":2}]', '[]', 'x', '{"a":99999999999999999999}', NULL) AS t(x)
--- json_value error on empty
SELECT json_value('{"b":1}', 'lax $.a' ERROR ON EMPTY)
--- json_value error on error
SELECT json_value('{"a":[1]}', 'lax $.a' ERROR ON ERROR)
--- json_value error on error of no JSON
SELECT json_value('x', 'lax $.a' ERROR ON ERROR)
--- json_value error on error of a cast
SELECT json_value('{"a":"x"}', 'lax $.a' RETURNING bigint ERROR ON ERROR)
--- json_value error on error of a date
SELECT json_value('{"a":1}', 'lax $.a' RETURNING date ERROR ON ERROR)
--- json_value error on empty when it is there
SELECT json_value('{"a":1}', 'lax $.a' RETURNING bigint ERROR ON EMPTY ERROR ON ERROR)
--- json_value null and errors
SELECT json_value('{"a":null}', 'lax $.a' RETURNING bigint ERROR ON EMPTY ERROR ON ERROR), json_value('{"a":null}', 'lax $.a' DEFAULT 'x' ON EMPTY DEFAULT 'y' ON ERROR)
--- json_value default of another type
SELECT json_value('{"b":1}', 'lax $.a' RETURNING bigint DEFAULT 'x' ON EMPTY)
--- json_value default of a narrower type
SELECT json_value('{"b":1}', 'lax $.a' RETURNING double DEFAULT 1 ON EMPTY)
--- json_value default that fails
SELECT json_value('{"a":1}', 'lax $.a' RETURNING bigint DEFAULT 1/0 ON EMPTY)
--- json_value clauses in another order
SELECT json_value('{"b":1}', 'lax $.a' NULL ON ERROR NULL ON EMPTY)
--- json_value in a default
SELECT json_value(x, 'lax $.a' DEFAULT json_value(x, 'lax $.b' NULL ON EMPTY) ON EMPTY) FROM (VALUES '{"a":"x"}', '{"b":"y"}', '{}') AS t(x)
--- json_value three arguments
SELECT json_value('{"a":1}', 'lax $.a', 'x')
--- json_value quoted name
SELECT "json_value"('{"a":1}', 'lax $.a')
--- json_value passing
--- refused: SQL/JSON
SELECT json_value('{"a":[1,2]}', 'lax $.a[$i]' PASSING 1 AS "i")
--- json_value format
--- refused: SQL/JSON
SELECT json_value('{"a":1}' FORMAT JSON, 'lax $.a')
--- json_value of the archive with clauses
SELECT json_value(details, 'lax $.region' DEFAULT 'nowhere' ON EMPTY) AS region, count(*) AS n, sum(json_value(details, 'lax $.size' RETURNING bigint)) FROM audit_logs WHERE stream LIKE '01980000%' GROUP BY 1 ORDER BY n DESC, region
--- json_query wrappers
SELECT x, json_query(x, 'lax $.a' WITH WRAPPER), json_query(x, 'lax $.a' WITH ARRAY WRAPPER), json_query(x, 'lax $.a' WITH CONDITIONAL WRAPPER), json_query(x, 'lax $.a' WITH UNCONDITIONAL ARRAY WRAPPER), json_query(x, 'lax $.a' WITHOUT WRAPPER), json_query(x, 'lax $.a[*]' WITH WRAPPER), json_query(x, 'lax $.a[*]' WITH CONDITIONAL ARRAY WRAPPER) FROM (VALUES '{"a":"x"}', '{"a":5}', '{"a":1.50}', '{"a":null}', '{"a":{}}', '{"a":[1,2]}', '{"a":[1]}', '{"a":[[1]]}', '{"a":[]}', '{"b":1}', '[{"a":1},{"a":2}]', 'x', NULL) AS t(x)
--- json_query quotes
SELECT x, json_query(x, 'lax $.a' OMIT QUOTES), json_query(x, 'lax $.a' KEEP QUOTES), json_query(x, 'lax $.a' OMIT QUOTES ON SCALAR STRING), json_query(x, 'lax $.a' WITHOUT WRAPPER OMIT QUOTES) FROM (VALUES '{"a":"x"}', '{"a":"a\"b"}', '{"a":["x"]}', '{"a":5}', '{"a":null}', '{"a":""}') AS t(x)
--- json_query quotes and wrapper
SELECT json_query('{"a":"x"}', 'lax $.a' WITH WRAPPER OMIT QUOTES)
--- json_query quotes and conditional wrapper
SELECT json_query('{"a":"x"}', 'lax $.a' WITH CONDITIONAL WRAPPER KEEP QUOTES)
--- json_query instead
SELECT x, json_query(x, 'lax $.a' EMPTY ARRAY ON EMPTY EMPTY OBJECT ON ERROR), json_query(x, 'lax $.a' EMPTY OBJECT ON EMPTY), json_query(x, 'strict $.a' NULL ON EMPTY EMPTY ARRAY ON ERROR), json_query(x, 'lax $.a[*]' WITH WRAPPER EMPTY ARRAY ON EMPTY) FROM (VALUES '{"a":"x"}', '{"a":[]}', '{"b":1}', '[{"a":1},{"a":2}]', 'x') AS t(x)
--- json_query error on empty
SELECT json_query('{"b":1}', 'lax $.a' ERROR ON EMPTY)
--- json_query error on error
SELECT json_query('[1,2]', 'lax $[*]' ERROR ON ERROR)
--- json_query returning varchar
SELECT json_query('{"a":[1]}', 'lax $.a' RETURNING varchar), json_query('{"a":[1]}', 'lax $.a' RETURNING varchar FORMAT JSON)
--- json_query returning varbinary
--- refused: SQL/JSON
SELECT to_hex(json_query('{"a":[1]}', 'lax $.a' RETURNING varbinary))
--- json_exists on error
SELECT x, json_exists(x, 'strict $.a' TRUE ON ERROR), json_exists(x, 'strict $.a' FALSE ON ERROR), json_exists(x, 'strict $.a' UNKNOWN ON ERROR), json_exists(x, 'lax $.a' TRUE ON ERROR) FROM (VALUES '{"a":"x"}', '{"b":1}', '[]', 'x', NULL) AS t(x)
--- json_exists error on error
SELECT json_exists('x', 'lax $.a' ERROR ON ERROR)
--- json_value returning time
--- refused: SQL/JSON
SELECT json_value('{"a":"08:00:00"}', 'lax $.a' RETURNING time) = time '08:00:00'
--- json_value returning a short varchar
--- refused: types
SELECT json_value('{"a":"abcdef"}', 'lax $.a' RETURNING varchar(3))
--- json_size of what begins with a number
SELECT x, json_size(x, '$'), json_extract(x, '$'), json_extract_scalar(x, '$') FROM (VALUES '100%', '1x', '1 2', '[1]x', '{"a":1}x', '"a"x', 'x', '', ' ', '7,', 'true1') AS t(x)
--- ports of what has none
SELECT url_extract_port(''), url_extract_port(u) FROM (VALUES '', 'http://a:0/', 'http://a:8080/', 'http://a/', ':', 'mailto:a@b') t(u)
--- a map of json with a part of a url that is not there
SELECT CAST(map(ARRAY['a', date_format(timestamp '2024-01-01 00:00:00', '%Y')], ARRAY[bigint '0', url_extract_port('')]) AS json)
