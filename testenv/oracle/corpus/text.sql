--- length counts code points
SELECT actor_id, length(actor_id) FROM audit_logs WHERE retention <> 'standard' OR dt > '2023-12-01'
--- case of ascii and others
SELECT actor_id, lower(actor_id), upper(actor_id) FROM audit_logs WHERE actor_id IN ('Ünal', 'ünal', 'UNAL', 'straße', '😀')
--- case of the turkish i
SELECT lower('İ'), lower('I'), upper('i'), upper('ı'), length(lower('İ'))
--- case of special letters
SELECT upper('ß'), upper('ﬁ'), lower('ẞ'), upper('ŉ'), lower('Σ'), lower('ΑΣ'), upper('ǆ'), lower('Ⅷ')
--- code points beyond the plane
SELECT length('😀'), substr('a😀b', 2, 1), strpos('a😀b', 'b'), reverse('a😀b'), codepoint('😀'), chr(128512)
--- combining characters
SELECT length('é'), length('é'), 'é' = 'é', upper('é'), substr('é', 1, 1)
--- order of code points
SELECT x FROM (VALUES 'a', 'B', 'b', 'A', 'é', 'z', 'Z', '😀', '日', '', ' ', '1', '10', '2', '_') AS t(x) ORDER BY x
--- compares by code point
SELECT 'a' < 'B', 'Z' < 'a', 'é' > 'z', '😀' > '日', 'abc' < 'abcd', '10' < '2', '￿' < '😀'
--- order of actors
SELECT DISTINCT actor_id FROM audit_logs ORDER BY actor_id
--- concat
SELECT concat(action, ':', outcome), action || '/' || resource_type FROM audit_logs WHERE retention = 'minimal'
--- substr
SELECT substr('hello', 2), substr('hello', 2, 3), substr('hello', -3), substr('hello', -3, 2), substr('hello', 0), substr('hello', 10), substr('hello', 1, 0), substr('hello', -10), substr('hello', 2, 100), substr('hello', 2, -1)
--- substring from for
SELECT substring('hello' FROM 2), substring('hello' FROM 2 FOR 3), substring('hello', 3)
--- strpos and position
SELECT strpos('hello', 'l'), strpos('hello', 'x'), strpos('hello', ''), position('lo' IN 'hello'), strpos('', 'a')
--- strpos of the nth
SELECT strpos('hello', 'l', 2), strpos('hello', 'l', -1), strpos('hello', 'l', 3)
--- replace
SELECT replace('banana', 'a', 'o'), replace('banana', 'an'), replace('banana', 'x', 'y'), replace('aaa', 'aa', 'b')
--- trim
SELECT trim('  a  '), ltrim('  a  '), rtrim('  a  '), trim('x' FROM 'xxaxx'), trim(LEADING 'x' FROM 'xxaxx'), trim(TRAILING 'x' FROM 'xxaxx'), trim(BOTH 'xy' FROM 'xyaxy')
--- trim of other blanks
SELECT length(trim(' a ')), length(trim(chr(9) || 'a' || chr(10))), length(trim(chr(8195) || 'a' || chr(12288))), length(ltrim(chr(13) || 'a'))
--- trim of columns
SELECT seq, trim(actor_id), length(trim(actor_id)), length(reason), length(trim(reason)) FROM audit_logs WHERE actor_id = '  padded  '
--- lpad and rpad
SELECT lpad('x', 5, '0'), rpad('x', 5, 'ab'), lpad('hello', 3, 'x'), rpad('hello', 3, 'x'), lpad('', 2, 'é'), rpad('x', 0, 'y')
--- lpad to nothing
SELECT lpad('x', -1, 'y')
--- lpad with nothing
SELECT lpad('x', 3, '')
--- split
SELECT split('a.b.c', '.'), split('a', '.'), split('', '.'), split('.a.', '.'), split('a--b', '--'), split('aXbX', 'X')
--- split with a limit
SELECT split('a.b.c', '.', 2), split('a.b.c', '.', 1), split('a.b.c', '.', 10)
--- split by nothing
SELECT split('abc', '')
--- split_part
SELECT split_part('a.b.c', '.', 1), split_part('a.b.c', '.', 3), split_part('a.b.c', '.', 4), split_part('', '.', 1), split_part('abc', '.', 1)
--- split_part of zero
SELECT split_part('a.b', '.', 0)
--- split_part by nothing
SELECT split_part('abc', '', 1), split_part('abc', '', 2), split_part('abc', '', 4)
--- services of the cloud
SELECT split_part(action, '.', 1) AS service, count(*) AS n FROM audit_logs WHERE stream LIKE '01980000%' GROUP BY 1 ORDER BY n DESC, service
--- starts_with
SELECT starts_with('hello', 'he'), starts_with('hello', ''), starts_with('', 'a'), starts_with('hello', 'lo')
--- translate
SELECT translate('abcd', 'ab', 'xy'), translate('abcd', 'abc', 'x'), translate('aab', 'aa', 'xy'), translate('日本', '日', '月')
--- reverse
SELECT reverse('hello'), reverse('日本'), reverse('a b')
--- repeat of text
SELECT array_join(repeat('ab', 3), ''), cardinality(repeat(1, 0))
--- chr and codepoint
SELECT chr(65), chr(233), codepoint('A'), codepoint('é'), codepoint('日')
--- codepoint of two letters
SELECT codepoint('ab')
--- chr out of range
SELECT chr(1114112)
--- levenshtein and hamming
SELECT levenshtein_distance('kitten', 'sitting'), levenshtein_distance('', 'abc'), levenshtein_distance('日本', '日'), hamming_distance('abc', 'abd')
--- hamming of other lengths
SELECT hamming_distance('abc', 'ab')
--- soundex
SELECT soundex('Robert'), soundex('Rupert')
--- concat_ws
SELECT concat_ws(',', 'a', NULL, 'c'), concat_ws('-', 'x'), concat_ws(',', ARRAY['a', NULL, 'b'])
--- normalize
SELECT normalize('é') = normalize('é'), length(normalize('é'))
--- to_utf8 and hex
SELECT to_hex(to_utf8('abc')), to_hex(to_utf8('é😀')), from_utf8(from_hex('C3A9')), to_base64(to_utf8('hello')), from_utf8(from_base64('aGVsbG8='))
--- hashes as hex
SELECT to_hex(md5(to_utf8('abc'))), to_hex(sha1(to_utf8('abc'))), to_hex(sha256(to_utf8('abc'))), to_hex(sha512(to_utf8('')))
--- hashes of columns
SELECT actor_id, lower(to_hex(sha256(to_utf8(actor_id)))) AS h FROM audit_logs WHERE retention = 'minimal'
--- text literals
SELECT 'it''s', '"', '\', '\n', '%', '_', '', ' ', 'tab	tab', 'line
two'
--- column names
SELECT 1 AS a, 2 AS "A b", 3 AS "ü", 4 AS "select"
--- format
--- refused: functions
SELECT format('%s has %d events', 'alice', 3), format('%05d', 42), format('%,d', 1234567), format('%x', 255), format('%.2f', 1.005e0)
--- word stems and sounds
SELECT luhn_check('79927398713'), luhn_check('79927398714')
--- char at the end
SELECT substr(action, -6) AS tail, count(*) FROM audit_logs WHERE retention <> 'standard' GROUP BY 1
--- char type
--- refused: types
SELECT CAST('ab' AS char(4)) || '|', CAST('ab' AS char(4)) = 'ab'
--- varchar of a length
--- refused: types
SELECT CAST('hello' AS varchar(3)), CAST('日本語' AS varchar(2)), CAST('hi' AS varchar(10))
--- upper case of all letters
SELECT x / 100 AS block, to_hex(md5(to_utf8(array_join(array_agg(upper(chr(CAST(x AS integer))) ORDER BY x), '')))) AS h FROM UNNEST(sequence(33, 8999)) AS t(x) WHERE x NOT IN (411, 612, 7305, 7306) GROUP BY 1 ORDER BY 1
--- lower case of all letters
SELECT x / 100 AS block, to_hex(md5(to_utf8(array_join(array_agg(lower(chr(CAST(x AS integer))) ORDER BY x), '')))) AS h FROM UNNEST(sequence(33, 8999)) AS t(x) WHERE x NOT IN (411, 612, 7305, 7306) GROUP BY 1 ORDER BY 1
--- replace of nothing
SELECT replace('abc', '', '-'), replace('', '', '-'), replace('é😀', '', '')
--- levenshtein beyond ascii
SELECT levenshtein_distance('日本語', '日本'), levenshtein_distance('é', 'e'), levenshtein_distance('😀a', 'a')
--- letters beyond
SELECT b, to_hex(md5(to_utf8(array_join(array_agg(upper(chr(CAST(x AS integer))) ORDER BY x), '')))) AS u, to_hex(md5(to_utf8(array_join(array_agg(lower(chr(CAST(x AS integer))) ORDER BY x), '')))) AS l FROM (SELECT x, x / 256 AS b FROM UNNEST(sequence(9000, 18999)) AS t(x) WHERE x NOT IN (11311, 11359)) GROUP BY b ORDER BY b
--- letters of the end of the first plane
SELECT b, to_hex(md5(to_utf8(array_join(array_agg(upper(chr(CAST(x AS integer))) ORDER BY x), '')))) AS u, to_hex(md5(to_utf8(array_join(array_agg(lower(chr(CAST(x AS integer))) ORDER BY x), '')))) AS l FROM (SELECT x, x / 256 AS b FROM UNNEST(sequence(42000, 44031)) AS t(x) WHERE x NOT IN (42944, 42945) AND x NOT BETWEEN 42955 AND 42972) GROUP BY b ORDER BY b
--- letters of wide forms
SELECT to_hex(md5(to_utf8(array_join(array_agg(upper(chr(CAST(x AS integer))) ORDER BY x), '')))) AS u, to_hex(md5(to_utf8(array_join(array_agg(lower(chr(CAST(x AS integer))) ORDER BY x), '')))) AS l FROM UNNEST(sequence(63744, 65535)) AS t(x)
--- letters beyond the first plane
SELECT b, to_hex(md5(to_utf8(array_join(array_agg(upper(chr(CAST(x AS integer))) ORDER BY x), '')))) AS u, to_hex(md5(to_utf8(array_join(array_agg(lower(chr(CAST(x AS integer))) ORDER BY x), '')))) AS l FROM (SELECT x, x / 256 AS b FROM UNNEST(sequence(65536, 75535)) AS t(x) WHERE x NOT BETWEEN 66928 AND 67004 AND x NOT BETWEEN 68944 AND 68997) GROUP BY b ORDER BY b
--- letters of the second plane
SELECT b, to_hex(md5(to_utf8(array_join(array_agg(upper(chr(CAST(x AS integer))) ORDER BY x), '')))) AS u, to_hex(md5(to_utf8(array_join(array_agg(lower(chr(CAST(x AS integer))) ORDER BY x), '')))) AS l FROM (SELECT x, x / 256 AS b FROM UNNEST(sequence(93440, 94200)) AS t(x) WHERE x NOT BETWEEN 93856 AND 93907 UNION ALL SELECT x, x / 256 AS b FROM UNNEST(sequence(122880, 125951)) AS t(x)) GROUP BY b ORDER BY b
--- young letters
--- refused: text in an unclear form
SELECT upper('ƛ'), lower('Ɤ')
--- try does not hide what is refused
--- refused: text in an unclear form
SELECT try(upper('ɤ')), try_cast('x' AS bigint)
--- chr of bigints
SELECT chr(x), chr(x + 1) FROM (VALUES bigint '65', bigint '233') AS t(x)
