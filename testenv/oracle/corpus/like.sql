--- like
SELECT DISTINCT action FROM audit_logs WHERE action LIKE 'user.%'
--- not like
SELECT count(*) FROM audit_logs WHERE action NOT LIKE '%.Get%'
--- like with one letter
SELECT DISTINCT resource_id FROM audit_logs WHERE resource_id LIKE 'r_2'
--- like with escape
SELECT DISTINCT resource_id, reason FROM audit_logs WHERE resource_id LIKE 'r\_2' ESCAPE '\' OR reason LIKE '%!%%' ESCAPE '!'
--- not like with escape
SELECT count(*) FROM audit_logs WHERE resource_id NOT LIKE 'r#_%' ESCAPE '#'
--- like knows case
SELECT 'ABC' LIKE 'abc', 'abc' LIKE 'a%c', 'abc' LIKE 'a_c', 'abc' LIKE '%', 'abc' LIKE '', 'abc' LIKE '%b%', 'abc' LIKE 'abc_'
--- like with backslash
SELECT 'a\b' LIKE 'a\b', 'a%b' LIKE 'a\%b', '\' LIKE '\', 'a_b' LIKE 'a\_b'
--- like counts code points
SELECT '😀' LIKE '_', '日本' LIKE '__', 'é' LIKE '_', 'é' LIKE '__', '' LIKE '_'
--- like over lines
SELECT 'a
b' LIKE 'a%b', 'a
b' LIKE 'a_b'
--- like with a bad escape
SELECT 'abc' LIKE 'a!bc' ESCAPE '!'
--- like with a long escape
SELECT 'abc' LIKE 'abc' ESCAPE '!!'
--- like of a column
SELECT seq FROM audit_logs WHERE retention = 'long' AND action LIKE resource_type || '%'
--- like special letters
SELECT 'a.c' LIKE 'a.c', 'abc' LIKE 'a.c', 'a[b]' LIKE 'a[b]', 'a*' LIKE 'a*', '(x)' LIKE '(_)', '^$' LIKE '^$'
--- regexp_like
SELECT DISTINCT action FROM audit_logs WHERE regexp_like(action, '^(user|role)\.(login|grant)$')
--- regexp_like is a search
SELECT regexp_like('abc', 'b'), regexp_like('abc', '^b'), regexp_like('abc', ''), regexp_like('', ''), regexp_like('ABC', 'abc'), regexp_like('ABC', '(?i)abc')
--- regexp classes
SELECT regexp_like('a1', '\d'), regexp_like('a_1', '^\w+$'), regexp_like('é', '^\w$'), regexp_like('a b', '\s'), regexp_like('٣', '\d'), regexp_like('a', '[[:alpha:]]'), regexp_like('é', '\p{L}')
--- regexp classes of letters beyond ascii
--- refused: regular expressions
SELECT regexp_like('é', '[[:alpha:]]')
--- regexp of both cases
SELECT regexp_like('ABC', '(?i)abc'), regexp_like('abc', '(?i)B')
--- regexp of both cases beyond ascii
--- refused: regular expressions
SELECT regexp_like('ÜBER', '(?i)über')
--- regexp boundaries
SELECT regexp_like('a cat', '\bcat\b'), regexp_like('concat', '\bcat\b')
--- regexp boundaries beyond ascii
--- refused: regular expressions
SELECT regexp_like('é1', '\b1')
--- words of actions
SELECT action, count(*) FROM audit_logs WHERE regexp_like(action, '(?i)\bexport') GROUP BY action
--- regexp lines
SELECT regexp_like('a
b', '^b'), regexp_like('a
b', '(?m)^b'), regexp_like('a
b', 'a.b'), regexp_like('a
b', '(?s)a.b')
--- regexp of the end of a line
--- refused: regular expressions
SELECT regexp_like('a
', 'a$')
--- a computed regular expression
--- refused: regular expressions
SELECT regexp_like(action, resource_type) FROM audit_logs WHERE seq = 1
--- regexp_extract
SELECT regexp_extract('1a 2b 14m', '\d+'), regexp_extract('1a 2b 14m', '(\d+)([a-z]+)', 2), regexp_extract('abc', 'x'), regexp_extract('abc', '(x)?abc', 1)
--- regexp_extract of a group that is not there
SELECT regexp_extract('abc', 'a', 1)
--- regexp_extract_all
SELECT regexp_extract_all('1a 2b 14m', '\d+'), regexp_extract_all('1a 2b 14m', '(\d+)([a-z]+)', 2), regexp_extract_all('abc', 'x')
--- regexp_replace
SELECT regexp_replace('1a 2b 14m', '\d+[ab] '), regexp_replace('1a 2b 14m', '(\d+)([ab]) ', '3c$2 '), regexp_replace('aaa', 'a', 'b'), regexp_replace('abc', '(b)', '[$1]'), regexp_replace('abc', '(?<x>b)', '<${x}>')
--- regexp_replace of nothing
SELECT regexp_replace('abc', '', '-'), regexp_replace('', '^', 'x'), regexp_replace('abc', 'x*', '-')
--- regexp_split
SELECT regexp_split('1a 2b 14m', '\s*[a-z]+\s*'), regexp_split('a,b;c', '[,;]'), regexp_split('', ',')
--- regexp_count and position
SELECT regexp_count('1a 2b 14m', '\s*[a-z]+\s*'), regexp_position('9102, a99', '\d'), regexp_position('abc', 'x')
--- addresses in reasons
SELECT DISTINCT regexp_extract(reason, 'arn:aws:[a-z0-9]+') AS arn FROM audit_logs WHERE outcome = 'failure'
--- a bad regular expression
SELECT regexp_like('a', '(')
--- a lookahead
--- refused: regular expressions
SELECT regexp_like('foobar', 'foo(?=bar)'), regexp_like('foobaz', 'foo(?!bar)')
--- a back reference
--- refused: regular expressions
SELECT regexp_like('abab', '(ab)\1')
--- a possessive one
--- refused: regular expressions
SELECT regexp_extract('aaa', 'a++')
--- repeated groups
SELECT regexp_extract('abcabc', '(abc){2}'), regexp_extract('aaaa', 'a{2,3}'), regexp_extract('aaaa', 'a{2,3}?'), regexp_extract('<a><b>', '<.*?>')
--- regexps with classes in classes
--- refused: regular expressions
SELECT x, regexp_like(x, '[a-c&&[b]]'), regexp_like(x, '[a[b]]') FROM (VALUES 'a', 'b', '&', 'a]', '[', 'b]') AS t(x)
--- regexps with a class of a bracket
SELECT x, regexp_like(x, '[]a]'), regexp_like(x, '[^]a]') FROM (VALUES 'a', ']', 'b') AS t(x)
--- regexps with a class of escaped brackets
SELECT x, regexp_like(x, '[\[\]]'), regexp_like(x, '[^\]]'), regexp_like(x, '[a\-z]'), regexp_like(x, '[a-]'), regexp_like(x, '[.*+]'), regexp_like(x, '[&]') FROM (VALUES 'a', ']', '[', '-', '.', '&', 'm') AS t(x)
--- regexps with an open bracket in a class
SELECT regexp_like('[', '[[]')
--- regexps with a class of a bracket and another class
--- refused: regular expressions
SELECT x, regexp_like(x, '[]a[b]]') FROM (VALUES 'a', 'b', 'a]', ']') AS t(x)
--- regexps with named groups
SELECT regexp_like('a', '(?<n>a)'), regexp_extract('xa', '(?<n>a)'), regexp_extract('xa', 'x(?<n>a)', 1), regexp_count('aa', '(?<n>a)'), regexp_replace('xa', '(?<n>a)', '${n}${n}'), regexp_split('xay', '(?<n>a)'), regexp_position('xa', '(?<n>a)'), regexp_extract_all('aab', '(?<n>a)')
