--- division of integers
SELECT 1/2, -7/2, 7/-2, 7/2, 0/5, -1/2
--- division of doubles
SELECT 1e0/2, 7e0/2, -7e0/2, 1e0/3, 2e0/3
--- division of decimals
SELECT 1.0/3, 1/3.0, 10.00/3, 2.5/0.5, -7.0/2, 1.0/3.000
--- division of a count
SELECT count(*) / 7, count(*) / 7.0, count(*) * 100 / 2918, count(*) / 2e0 FROM audit_logs
--- division by zero
SELECT 1/0
--- division of a column by zero
SELECT seq / (seq - seq) FROM audit_logs WHERE seq = 1
--- division of a decimal by zero
SELECT 1.0/0
--- division of a double by zero
SELECT 1e0/0, -1/0e0, 0e0/0
--- remainder
SELECT 7 % 3, -7 % 3, 7 % -3, -7 % -3, mod(7, 3), mod(-7, 3), 7.5 % 2, 7.5e0 % 2, mod(7.25, 2)
--- remainder of zero
SELECT 5 % 0
--- remainder of decimal zero
SELECT 5.0 % 0
--- arithmetic of integers
SELECT 1 + 2, 1 - 2, 2 * 3, -5, +5, -(-5), 2147483647 + 1 - 1
--- integer overflow
SELECT 2147483647 + 1
--- integer overflow of a product
SELECT 65536 * 65536
--- bigint overflow
SELECT 9223372036854775807 + 1
--- bigint overflow of a difference
SELECT -9223372036854775807 - 2
--- bigint overflow of a column
SELECT timestamp_ns * 10 FROM audit_logs WHERE seq = 1
--- the least bigint
SELECT -9223372036854775808
--- the least bigint divided by minus one
SELECT (-9223372036854775807 - 1) / -1
--- types of sums
SELECT 1 + 1, 1 + 9999999999, 1 + 1e0, 1 + 1.5, 1.5 + 1e0, 1.5 + 9999999999
--- the next number type
SELECT CAST(1 AS tinyint) + CAST(1 AS tinyint), CAST(1 AS smallint) + 1, CAST(1 AS real) + 1, CAST(1 AS real) + 1e0
--- tinyint overflow
SELECT CAST(127 AS tinyint) + CAST(1 AS tinyint)
--- decimals add
SELECT 1.5 + 2.25, 1.50 - 0.5, 99.9 + 0.1, 1.5 + 1, 0.1 + 0.2
--- decimals multiply
SELECT 1.5 * 2.25, 1.50 * 2, 0.1 * 0.1, 12345.67 * 1000
--- decimals negate and compare
SELECT -1.5, 1.50 = 1.5, 1.5 > 1, 1.5 < 2e0, 0.1 + 0.2 = 0.3, 0.1e0 + 0.2e0 = 0.3e0
--- wide decimals
SELECT 12345678901234567890.12 + 1, 99999999999999999999999999999999999999, 0.00000000000000000001
--- decimal overflow
SELECT 99999999999999999999999999999999999999 + 1
--- decimal literal
SELECT DECIMAL '1.23', DECIMAL '100', DECIMAL '-0.50', DECIMAL '007'
--- double literals
SELECT 1e0, 1.5E3, 1e-7, 1e15, 1e16, 123456789e0, 1e308, 5e-324, -0e0, 100e0
--- double special values
SELECT nan(), infinity(), -infinity(), is_nan(nan()), is_finite(1e0), is_infinite(infinity()), nan() = nan(), infinity() > 1e308
--- double compares
SELECT nan() < 1e0, nan() > 1e0, nan() <> nan(), 0e0 = 0e0 * -1, least(1e0, infinity()), greatest(1e0, -infinity())
--- order of doubles
SELECT x FROM (VALUES 1e0, nan(), infinity(), -infinity(), 0e0, NULL) AS t(x) ORDER BY x
--- real
SELECT CAST(1.5 AS real), CAST(0.1 AS real), CAST(16777217 AS real), CAST(0.1 AS real) = 0.1e0, REAL '1.25'
--- abs and sign
SELECT abs(-5), abs(-5.5), abs(-5e0), sign(-5), sign(0), sign(2.5), sign(-2e0)
--- abs of the least
SELECT abs(-9223372036854775807 - 1)
--- ceil and floor
SELECT ceil(1.5), floor(1.5), ceil(-1.5), floor(-1.5), ceiling(2), floor(7), ceil(1.1e0), floor(-1.1e0), ceil(0.0)
--- round
SELECT round(1.5), round(2.5), round(-1.5), round(-2.5), round(2.5e0), round(-2.5e0), round(0.5e0), round(5), round(1.4999e0)
--- round to digits
SELECT round(1.2345, 2), round(1.235e0, 2), round(1234.5e0, -2), round(1255, -1), round(-1255, -1), round(1.005e0, 2), round(2.675e0, 2)
--- round of a decimal to tens
SELECT round(1255.55, -1), round(0.05, 1), round(9.99, 1), round(99.5)
--- truncate
SELECT truncate(1.9), truncate(-1.9), truncate(1.9e0), truncate(-1.9e0), truncate(123.456, 1), truncate(123.456, -1)
--- powers and roots
SELECT power(2, 10), pow(2, -1), sqrt(16), sqrt(2), cbrt(27), exp(0), exp(1), power(0, 0)
--- root of a negative number
SELECT sqrt(-1)
--- logarithms
SELECT ln(1), log2(8), log10(1000), log(2, 8), ln(0), ln(-1), log10(0)
--- trigonometry
SELECT sin(0), cos(0), tan(0), atan(1), atan2(1, 1), degrees(pi()), radians(180), pi(), e()
--- width_bucket
--- refused: functions
SELECT width_bucket(5e0, 0e0, 10e0, 5), width_bucket(-1e0, 0e0, 10e0, 5), width_bucket(10e0, 0e0, 10e0, 5), width_bucket(7, ARRAY[1e0, 5e0, 10e0])
--- bits
SELECT bitwise_and(12, 10), bitwise_or(12, 10), bitwise_xor(12, 10), bitwise_not(0), bit_count(7, 64), bitwise_left_shift(BIGINT '1', 3), bitwise_right_shift(BIGINT '16', 2), bitwise_right_shift_arithmetic(BIGINT '-16', 2)
--- bits of integers
--- refused: functions
SELECT bitwise_left_shift(1, 3)
--- bases
SELECT to_base(255, 16), to_base(-10, 2), from_base('ff', 16), from_base('-1010', 2)
--- a bad digit
SELECT from_base('xyz', 16)
--- comparison chains
SELECT 1 < 2, 2 <= 2, 3 >= 4, 1 <> 2, 1 != 1, 5 BETWEEN 1 AND 10, 5 NOT BETWEEN 1 AND 10, 1 IN (1, 2), 3 NOT IN (1, 2)
--- comparison of types
SELECT 1 = 1.0, 1 = 1e0, 1.0 = 1e0, 9007199254740993 = 9007199254740993e0, CAST(1 AS bigint) = CAST(1 AS integer)
--- big integers compare
SELECT count(*) FROM audit_logs WHERE timestamp_ns > 1688990400000000000 AND timestamp_ns <= 1688990400000000001
--- arithmetic of instants
SELECT timestamp_ns / 1000000000, timestamp_ns % 1000000000, timestamp_ns - 1688947200000000000 FROM audit_logs WHERE retention = 'long'
--- underscore and hex
--- refused: text in an unclear form
SELECT 1_000_000, 0xff, 0b101, 0o17
--- round of whole numbers
SELECT round(15, -1), round(14, -1), round(-15, -1), round(123, 2), round(99, -2), round(49, -2), round(5, -30), round(BIGINT '12345678901', -5)
--- truncate to digits
SELECT truncate(-123.456, 2), truncate(0.99, 1), truncate(99.99, -1), truncate(5.5, 3)
--- logarithms at the edges
SELECT log2(0), log10(-5), sqrt(0), sqrt(-0.5e0), ln(NULL), sqrt(CAST(NULL AS double))
--- round of whole numbers far away
SELECT round(5, -10), round(2147483647, -9), round(2147483647, -10), round(-2147483647, -10), round(1, -18), round(BIGINT '4611686018427387904', -18), round(9223372036854775802, -1), round(BIGINT '-9223372036854775803', -1), round(CAST(99 AS smallint), -2)
--- round over the end
SELECT round(9223372036854775803, -1)
--- round up over the end
SELECT round(9223372036854775805, -1)
--- round down under the end
SELECT round(BIGINT '-9223372036854775807', -1)
--- round up far over the end
SELECT round(9223372036854775807, -18)
--- round under the end
SELECT round(BIGINT '-9223372036854775804', -1)
--- round of a tinyint over its end
SELECT round(CAST(127 AS tinyint), -1)
--- round by nineteen digits
SELECT round(5, -19)
--- sines of huge numbers
SELECT x, round(sin(x), 9), round(cos(x), 9), round(tan(x), 9) FROM (VALUES 1e0, 1e5, 1e10, 1e15, 1e16, 1e17, 1e18, 1e22, 1e100, 1e300, 1.7976931348623157e308, -1e17) AS t(x)
--- sines near multiples of pi
SELECT n, sin(n * pi()) AS s, cos((n + 5e-1) * pi()) AS c FROM UNNEST(sequence(1, 100)) AS t(n) ORDER BY n
--- angles without end
SELECT sin(infinity()), cos(-infinity()), tan(nan()), sin(CAST(NULL AS double)), asin(2e0), acos(-2e0), atan(infinity()), sinh(1e4), cosh(-1e4), tanh(1e4), atan2(0e0, -1e0)
--- geometric mean
SELECT round(geometric_mean(x), 9), geometric_mean(y), geometric_mean(z), round(geometric_mean(seq + 1), 9) FROM (SELECT seq, CAST(seq + 1 AS double) AS x, CAST(seq AS double) AS y, CAST(NULL AS double) AS z FROM audit_logs WHERE retention = 'long')
--- geometric mean of a negative number
SELECT geometric_mean(x) FROM (VALUES -1, 2) AS t(x)
--- logarithms at their ends
SELECT x, log(2, x), log(x, 2), log2(x), log10(x), ln(x) FROM (VALUES 0e0, 1e0, -1e0, 2e0, 8e0, 1024e0, 1e300, nan(), infinity(), double '-0.0', 0.5e0, NULL) AS t(x)
--- logarithms of whole numbers and decimals
SELECT log(2, 8), log(10, 1000), log2(8), log2(0.5), log(2.5, 6.25), log2(1000000), log(3, 81)
--- angles in degrees and radians
SELECT x, degrees(x), radians(x) FROM (VALUES 180e0, 1e0, 57.29577951308232e0, 0.1e0, -135.135135e0, 1e300) AS t(x)
--- angles at their ends
SELECT x, asin(x), acos(x), atan(x), atan2(x, 1), atan2(0, x), sinh(x), tanh(x) FROM (VALUES 0e0, 1e0, -1e0, 2e0, -2e0, 1e300, nan(), infinity(), -infinity(), double '-0.0', 711e0, NULL) AS t(x)
--- hyperbolic cosines at their ends
SELECT x, cosh(x) FROM (VALUES 0e0, 2e0, 1e300, nan(), infinity(), -infinity(), 711e0, NULL) AS t(x)
--- shifts by much and by less than nothing
SELECT s, bitwise_left_shift(bigint '5', s), bitwise_right_shift(bigint '-5', s), bitwise_right_shift_arithmetic(bigint '-5', s), bitwise_right_shift(bigint '5', s), bitwise_right_shift_arithmetic(bigint '5', s) FROM (VALUES 0, 1, 63, 64, 65, 100, 128, -1, -2, -63, -64, -65, -100, 2147483647, -2147483648) AS t(s)
--- shifts by bigints
SELECT bitwise_left_shift(bigint '5', bigint '4294967297'), bitwise_right_shift(bigint '5', bigint '-4294967297'), bitwise_left_shift(bigint '5', bigint '-9223372036854775808')
--- least integers
SELECT -2147483648, - 2147483648, -(2147483648), -2147483649, typeof(-2147483648), -2147483648 - 1e0
