--- text to integers
SELECT CAST('5' AS bigint), CAST('-5' AS integer), CAST('+7' AS smallint), CAST('0' AS tinyint), CAST('007' AS bigint)
--- text to an integer with blanks
SELECT CAST(' 5 ' AS bigint)
--- text to an integer with a fraction
SELECT CAST('1.5' AS bigint)
--- empty text to an integer
SELECT CAST('' AS bigint)
--- text to an integer out of range
SELECT CAST('2147483648' AS integer)
--- try_cast
SELECT try_cast('5' AS bigint), try_cast('x' AS bigint), try_cast('' AS integer), try_cast('1.5' AS integer), try_cast('300' AS tinyint), try_cast('1e2' AS double), try_cast('x' AS double), try_cast('2024-02-30' AS date), try_cast('yes' AS boolean)
--- text to double
SELECT CAST('1.5' AS double), CAST('1e3' AS double), CAST('-0' AS double), CAST('NaN' AS double), CAST('Infinity' AS double), CAST('-Infinity' AS double), CAST('.5' AS double), CAST('5.' AS double)
--- text to double with blanks
SELECT CAST(' 1.5 ' AS double)
--- text to double that is none
SELECT CAST('1,5' AS double)
--- text to double in hexadecimal
SELECT try_cast('0x10' AS double), try_cast('1f' AS double), try_cast('1d' AS double), try_cast('inf' AS double), try_cast('nan' AS double), try_cast('1_0' AS double)
--- text to boolean
SELECT CAST('true' AS boolean), CAST('FALSE' AS boolean), CAST('t' AS boolean), CAST('F' AS boolean), CAST('1' AS boolean), CAST('0' AS boolean)
--- text that is no boolean
SELECT CAST('yes' AS boolean)
--- text to decimal
SELECT CAST('1.23' AS decimal(10, 2)), CAST('1.235' AS decimal(10, 2)), CAST('-1.235' AS decimal(10, 2)), CAST('5' AS decimal(5, 3)), CAST('1e2' AS decimal(10, 2))
--- text to decimal out of range
SELECT CAST('12345' AS decimal(4, 0))
--- text that is no decimal
SELECT CAST('abc' AS decimal(4, 1))
--- number to decimal
SELECT CAST(5 AS decimal(5, 2)), CAST(1.555 AS decimal(5, 2)), CAST(1.555e0 AS decimal(5, 2)), CAST(-1.555 AS decimal(5, 2)), CAST(2.5 AS decimal(3, 0)), CAST(true AS decimal(3, 1))
--- number to decimal out of range
SELECT CAST(1000 AS decimal(4, 2))
--- decimal without digits
--- refused: types
SELECT CAST('1.5' AS decimal), CAST('12' AS decimal(5))
--- decimal to integer
SELECT CAST(1.5 AS bigint), CAST(2.5 AS integer), CAST(-1.5 AS bigint), CAST(-2.5 AS bigint), CAST(0.4 AS integer), CAST(99.99 AS bigint)
--- double to integer
SELECT CAST(1.5e0 AS bigint), CAST(2.5e0 AS bigint), CAST(-1.5e0 AS bigint), CAST(-2.5e0 AS integer), CAST(0.4e0 AS integer), CAST(3.5e0 AS bigint)
--- double to integer out of range
SELECT CAST(1e19 AS bigint)
--- not a number to integer
SELECT CAST(nan() AS bigint)
--- bigint to integer out of range
SELECT CAST(2147483648 AS integer)
--- number to boolean
SELECT CAST(1 AS boolean), CAST(0 AS boolean), CAST(-5 AS boolean), CAST(0e0 AS boolean), CAST(0.5e0 AS boolean), CAST(0.0 AS boolean)
--- boolean to number
SELECT CAST(true AS integer), CAST(false AS bigint), CAST(true AS double)
--- integers to text
SELECT CAST(5 AS varchar), CAST(-5 AS varchar), CAST(9223372036854775807 AS varchar), CAST(seq AS varchar) || '!' FROM audit_logs WHERE seq = 7
--- boolean to text
SELECT CAST(true AS varchar), CAST(seq = 7 AS varchar), CAST(NULL AS varchar) FROM audit_logs WHERE seq = 7
--- decimal to text
SELECT CAST(1.50 AS varchar), CAST(-0.05 AS varchar), CAST(100.0 AS varchar), CAST(CAST(5 AS decimal(5, 2)) AS varchar)
--- double to text
SELECT CAST(1e0 AS varchar), CAST(1.5e0 AS varchar), CAST(0.1e0 AS varchar), CAST(1e7 AS varchar), CAST(123456789e0 AS varchar), CAST(1e-4 AS varchar), CAST(0e0 AS varchar)
--- special doubles to text
SELECT CAST(nan() AS varchar), CAST(infinity() AS varchar), CAST(-infinity() AS varchar), CAST(1e308 AS varchar), CAST(5e-324 AS varchar)
--- real to text
SELECT CAST(CAST(1.5 AS real) AS varchar), CAST(CAST(0.1 AS real) AS varchar), CAST(CAST(1e10 AS real) AS varchar)
--- date to text
SELECT CAST(date '2024-02-29' AS varchar), CAST(date '0001-01-01' AS varchar), CAST(date '1969-12-31' AS varchar)
--- timestamp to text
SELECT CAST(timestamp '2024-01-31 10:11:12.345' AS varchar), CAST(timestamp AS varchar) FROM audit_logs WHERE retention = 'long'
--- timestamp of seconds to text
SELECT CAST(timestamp '2024-01-31 10:11:12' AS varchar), CAST(timestamp '2024-01-31 10:11' AS varchar), CAST(timestamp '2024-01-31 10:11:12.5' AS varchar)
--- text to date
SELECT CAST('2024-02-29' AS date), date '2024-02-29', date('2024-02-29')
--- text that is no date
SELECT CAST('2023-02-29' AS date)
--- text to date with blanks
SELECT CAST(' 2024-01-01 ' AS date)
--- text to a short date
SELECT try_cast('2024-1-5' AS date), try_cast('2024-01' AS date), try_cast('20240105' AS date), try_cast('2024-01-05 10:00:00' AS date), try_cast('2024/01/05' AS date)
--- text to timestamp
SELECT CAST('2024-01-31 10:11:12.345' AS timestamp), CAST('2024-01-31 10:11' AS timestamp), CAST('2024-01-31' AS timestamp), CAST('2024-01-31 10:11:12.3456' AS timestamp)
--- text to timestamp with a T
SELECT try_cast('2024-01-31T10:11:12' AS timestamp), try_cast('2024-01-31 10' AS timestamp), try_cast('2024-01-31 24:00:00' AS timestamp), try_cast('2024-1-5 1:2:3' AS timestamp)
--- text that is no timestamp
SELECT CAST('yesterday' AS timestamp)
--- text with a zone to timestamp
SELECT CAST('2024-01-31 10:11:12 UTC' AS timestamp)
--- text of a column to timestamp
SELECT try_cast(json_extract_scalar(details, '$.date') AS date), try_cast(json_extract_scalar(details, '$.n') AS integer), try_cast(json_extract_scalar(details, '$.h') AS integer) FROM audit_logs WHERE resource_type = 'file'
--- dates and timestamps
SELECT CAST(date '2024-02-29' AS timestamp), CAST(timestamp '2024-02-29 23:59:59.999' AS date), CAST(timestamp AS date) FROM audit_logs WHERE retention = 'minimal'
--- rounding of timestamps
SELECT CAST('2024-01-31 10:11:12.9996' AS timestamp(3)), CAST('2024-12-31 23:59:59.9995' AS timestamp(3)), CAST('2024-01-31 10:11:12.0004999' AS timestamp(3))
--- timestamps of other precisions
--- refused: types
SELECT CAST(timestamp '2024-01-31 10:11:12.345' AS timestamp(0)), CAST(timestamp '2024-01-31 10:11:12.567' AS timestamp(0))
--- casts of null
SELECT CAST(NULL AS bigint), CAST(NULL AS date), CAST(NULL AS timestamp), CAST(NULL AS boolean), CAST(NULL AS double), CAST(NULL AS decimal(5,2)), CAST(NULL AS array(varchar)), CAST(NULL AS map(varchar, bigint))
--- casts of arrays
SELECT CAST(ARRAY['1', '2'] AS array(bigint)), CAST(ARRAY[1, 2] AS array(varchar)), CAST(ARRAY[] AS array(integer))
--- integer to date
SELECT CAST(5 AS date)
--- boolean to date
SELECT CAST(true AS timestamp)
--- text compares with a number
SELECT '5' = 5
--- text compares with a date
SELECT count(*) FROM audit_logs WHERE dt = date '2023-07-10'
--- text compares with a timestamp
SELECT count(*) FROM audit_logs WHERE timestamp > '2023-07-10'
--- boolean compares with a number
SELECT true = 1
--- date compares with a timestamp
SELECT count(*) FROM audit_logs WHERE timestamp < date '2023-07-10' AND date '2023-03-26' < timestamp
--- text plus number
SELECT '1' + 1
--- text joined to a number
SELECT 'a' || 1
--- implicit numbers
SELECT 1 UNION ALL SELECT 2.5 UNION ALL SELECT 3e0
--- implicit text and number
SELECT 1 UNION ALL SELECT 'a'
--- type of case
SELECT CASE WHEN true THEN 1 ELSE 2.5 END, CASE WHEN true THEN 1 ELSE 2e0 END, if(false, 1, 9999999999), coalesce(NULL, 1, 2.5)
--- type of case that mixes
SELECT CASE WHEN true THEN 1 ELSE 'a' END
--- json casts
SELECT CAST(json_parse('5') AS bigint), CAST(json_parse('"a"') AS varchar), CAST(json_parse('[1,2]') AS array(bigint)), CAST(json_parse('{"a":1}') AS map(varchar, bigint)), CAST(json_parse('true') AS boolean), CAST(json_parse('1.5') AS double)
--- casts to json
SELECT json_format(CAST(5 AS json)), json_format(CAST('a' AS json)), json_format(CAST(ARRAY[1, NULL] AS json)), json_format(CAST(true AS json))
--- casts of doubles to json
--- refused: SQL/JSON
SELECT json_format(CAST(map(ARRAY['k'], ARRAY[1.5e0]) AS json))
--- casts of times to json
--- refused: SQL/JSON
SELECT json_format(CAST(timestamp '2024-01-01 00:00:00.5' AS json))
--- typeof
--- refused: functions
SELECT typeof(1), typeof('a'), typeof(1.5), typeof(now()), typeof(ARRAY[1]), typeof(NULL)
--- text to numbers with other blanks
SELECT CAST(chr(9) || '5' || chr(10) AS bigint), CAST(chr(9) || '1.5' || chr(10) AS double), CAST(chr(9) || '2024-01-01' || chr(10) AS date)
--- text to timestamp with blanks
SELECT try_cast(' 2024-01-31 10:11:12 ' AS timestamp), try_cast('2024-01-31  10:11:12' AS timestamp), try_cast('2024-02-30 10:11:12' AS timestamp), try_cast('2024-01-31 10:60' AS timestamp)
--- text to decimal with blanks
SELECT try_cast(' 1.5 ' AS decimal(3, 1)), try_cast('1.' AS decimal(3, 1)), try_cast('.5' AS decimal(3, 1)), try_cast('' AS decimal(3, 1))
--- text to boolean with blanks
SELECT try_cast(' true ' AS boolean), try_cast('TRUE' AS boolean), try_cast('' AS boolean), try_cast('2' AS boolean)
--- a double in text that overflows
SELECT CAST('1e400' AS double), CAST('-1e400' AS double), CAST('1e-400' AS double)
--- timestamps of text of columns
SELECT try_cast(json_extract_scalar(details, '$.time') AS timestamp), try_cast(json_extract_scalar(details, '$.date') AS timestamp) FROM audit_logs WHERE resource_type = 'file'
--- halves to integers
SELECT CAST(0.5e0 AS integer), CAST(-0.5e0 AS integer), CAST(2147483646.5e0 AS integer), CAST(CAST(2.5 AS real) AS integer)
--- decimal literals without numbers
SELECT DECIMAL '1.2.3'
--- typeof of all types
SELECT typeof(1), typeof(bigint '1'), typeof(CAST(1 AS tinyint)), typeof(1.5), typeof(1e0), typeof(CAST(1 AS real)), typeof(true), typeof(date '2024-01-01'), typeof(timestamp '2024-01-01 00:00:00'), typeof(timestamp '2024-01-01 00:00:00.123'), typeof(now()), typeof(from_unixtime(0)), typeof(NULL), typeof(CAST('a' AS varchar)), typeof(json_parse('1')), typeof(ARRAY[1]), typeof(ARRAY[]), typeof(map(ARRAY[1], ARRAY[1.50])), typeof(interval '1' day), typeof(interval '1' month), typeof(CAST('::1' AS ipaddress)), typeof(to_utf8('a')), typeof(length('a')), typeof(1 / 2.0), typeof(CAST(NULL AS array(date)))
--- typeof of columns
SELECT DISTINCT typeof(seq), typeof(timestamp), typeof(details), typeof(dt), typeof(timestamp_ns), typeof(received_at), typeof(a.action) FROM audit_logs AS a
--- typeof of what fails
SELECT typeof(1 / 0)
--- doubles between two texts
SELECT CAST(x AS varchar) FROM (VALUES 1e23, 8.41e21, 9e22, 2e23, 1e22, 5e22, 9.5e21, 1.1e23, 4.503599627370497e15, 9.007199254740993e15, 9007199254740993e0, 2e-3, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 1e21, 123456789012345680e0) AS t(x)
--- doubles at powers of two
SELECT n, CAST(power(2e0, n) AS varchar) AS p, CAST(power(2e0, -n) AS varchar) AS q FROM UNNEST(sequence(1, 1022)) AS t(n) ORDER BY n
--- the smallest doubles
SELECT n, CAST(n * 5e-324 AS varchar) FROM UNNEST(sequence(1, 400)) AS t(n) ORDER BY n
--- whole doubles
SELECT n, CAST(power(2e0, 53 + n / 20) + (n % 20) * power(2e0, n / 20) AS varchar), CAST(9e15 + n * 1.3e15 AS varchar), CAST(9e17 + n * 1.7e16 AS varchar) FROM UNNEST(sequence(0, 240)) AS t(n) ORDER BY n
--- doubles of few digits
SELECT n, array_join(transform(sequence(1, 9), d -> CAST(CAST(CAST(d AS varchar) || 'e' || CAST(n AS varchar) AS double) AS varchar)), ' ') FROM UNNEST(sequence(-320, 307)) AS t(n) ORDER BY n
--- doubles with two digits
SELECT n, to_hex(md5(to_utf8(array_join(transform(sequence(10, 999), d -> CAST(CAST(CAST(d AS varchar) || 'e' || CAST(n AS varchar) AS double) AS varchar)), ' ')))) FROM UNNEST(sequence(-30, 40)) AS t(n) ORDER BY n
--- doubles at random
SELECT x / 100, to_hex(md5(to_utf8(array_join(array_agg(CAST(CAST(x * 7919 % 99991 AS double) * CAST('1e' || CAST(x % 40 - 20 AS varchar) AS double) / 7e0 AS varchar) ORDER BY x), ' ')))) FROM UNNEST(sequence(1, 9000)) AS t(x) GROUP BY 1 ORDER BY 1
--- reals as text
SELECT CAST(CAST(x AS real) AS varchar) FROM (VALUES 1e0, 1e10, 8388609e0, 16777217e0, 3.3554432e7, 1e11, 9e9, 4.2949673e9, 1e-5, 3.4028235e38, 1.4e-45, 0.1e0, 1e15, 2.5e12) AS t(x)
--- negative zero
SELECT CAST(-0e0 AS varchar), CAST(double '-0.0' AS varchar), CAST(y AS varchar), CAST(round(-0.4e0) AS varchar), CAST(ceil(-0.5e0) AS varchar), CAST(CAST('-0' AS double) AS varchar), CAST(CAST(-0e0 AS real) AS varchar), -0e0 FROM (VALUES -0e0) AS t(y)
--- negative zero of zero
SELECT CAST(0e0 * -1e0 AS varchar), CAST(x * -1 AS varchar), CAST(0e0 - 0e0 AS varchar), CAST(-x AS varchar), 0e0 * -1 = 0e0 FROM (VALUES 0e0) AS t(x)
--- both zeros
--- refused: text in an unclear form
SELECT -0e0, 0e0
--- a cast that no row needs
SELECT CASE WHEN seq < 0 THEN CAST('x' AS bigint) ELSE 1 END, CASE WHEN false THEN CAST('x' AS bigint) ELSE 2 END, coalesce(3, CAST('x' AS integer)), coalesce(seq, CAST('x' AS bigint)), if(seq >= 0, 4, CAST('1.5' AS integer)), if(true, 5e0, CAST('x' AS double)), CASE WHEN seq < 0 THEN CAST('x' AS date) END, CASE WHEN seq < 0 THEN CAST('x' AS timestamp) END, CASE WHEN seq < 0 THEN CAST('x' AS boolean) END, CASE WHEN seq < 0 THEN CAST('x' AS decimal(5, 2)) END, CASE WHEN seq < 0 THEN 1 / 0 ELSE 6 END, CASE WHEN seq < 0 THEN CAST(300 AS tinyint) END, CASE WHEN seq < 0 THEN json_parse('{') END, CASE WHEN seq < 0 THEN CAST(1e30 AS bigint) END, CASE WHEN seq < 0 THEN CAST('x' AS ipaddress) IS NULL END, CASE WHEN seq < 0 THEN CAST(12345.6 AS decimal(3, 1)) END FROM audit_logs WHERE seq = 0
--- calls that no row needs
SELECT CASE WHEN seq < 0 THEN chr(-1) END, CASE WHEN seq < 0 THEN from_base('z', 10) END, CASE WHEN seq < 0 THEN date_parse('x', '%Y') END, CASE WHEN seq < 0 THEN from_iso8601_timestamp('x') END, CASE WHEN seq < 0 THEN ARRAY[1][2] END, CASE WHEN seq < 0 THEN url_decode('%') END, CASE WHEN seq < 0 THEN split_part('a', ',', 0) END, CASE WHEN seq < 0 THEN from_hex('x') IS NULL END, CASE WHEN seq < 0 THEN parse_datetime('x', 'yyyy') END, CASE WHEN seq < 0 THEN map(ARRAY['a'], ARRAY[1])['b'] END, CASE WHEN seq < 0 THEN map(ARRAY['a', 'a'], ARRAY[1, 2]) END, CASE WHEN seq < 0 THEN date_add('day', 1000000000, date '2024-01-01') END, CASE WHEN seq < 0 THEN 9223372036854775807 + 1 END, CASE WHEN seq < 0 THEN hamming_distance('a', 'bb') END FROM audit_logs WHERE seq = 0
--- cast of doubles to decimal
SELECT x, CAST(x AS decimal(10,2)), CAST(x AS decimal(20,10)), CAST(x AS decimal(5,0)) FROM (VALUES 1.005e0, 2.675e0, 0.125e0, 1.115e0, 0.285e0, 1e-3, 0.5e0, 1.5e0, 2.5e0, -2.5e0, -1.005e0, 12345.678e0, 99.995e0, 0.1e0, 1e3) AS t(x)
--- cast of big doubles to real
SELECT CAST(1e300 AS real), CAST(-1e300 AS real), CAST(3.4028236e38 AS real), CAST(1e-60 AS real), CAST(3.40282350e38 AS real)
--- cast of big doubles to decimal
SELECT CAST(x AS decimal(38,2)) FROM (VALUES 1e20, 123456789012345678901e0, 1.1e22, 8.41e21, 1e-10) AS t(x)
--- cast of reals to decimal
SELECT CAST(CAST(x AS real) AS decimal(10,3)) FROM (VALUES 1.005e0, 2.675e0, 0.1e0, 0.0005e0) AS t(x)
--- casts of reals to decimal
SELECT x, CAST(CAST(x AS real) AS decimal(20,3)), CAST(CAST(x AS real) AS decimal(38,10)) FROM (VALUES 1.005e0, 0.0015e0, 1.0025e0, 123456.7895e0, 16777217e0, 1e10, 1.5e0, -2.6755e0, 0.1e0) AS t(x)
--- casts of decimals to real
SELECT CAST(0.1 AS real), CAST(16777217.0 AS real), CAST(123456789.125 AS real), CAST(DECIMAL '12345678901234567890.5' AS real), CAST(1.005 AS real), CAST(DECIMAL '99999999999999999999999999999999999999' AS real)
--- casts of decimals to double
SELECT CAST(0.1 AS double), CAST(12345678901234567.89 AS double), CAST(DECIMAL '12345678901234567890.123456789' AS double), CAST(DECIMAL '0.30000000000000000001' AS double), CAST(DECIMAL '99999999999999999999999999999999999999' AS double), CAST(9007199254740993.0 AS double), CAST(DECIMAL '1.7976931348623157' AS double)
--- casts of texts to real
SELECT x, CAST(x AS real) FROM (VALUES '1e300', '-1e300', '1.00000017881393432617187499', '1.00000017881393432617187501', '3.4028235677973366e38', '1e-50', 'NaN', 'Infinity', '0.1', '1e39') AS t(x)
--- casts of whole numbers to real
SELECT CAST(16777217 AS real), CAST(9223372036854775807 AS real), CAST(9007199791611905 AS real)
--- casts of whole numbers to double
SELECT CAST(9007199254740993 AS double), CAST(9223372036854775807 AS double)
