--- a position in an empty text
SELECT x, regexp_position(x, 'a*'), regexp_position(x, '^$'), regexp_position(x, ''), regexp_position(x, 'x?') FROM (VALUES '', 'b', NULL) t(x)
--- classes of one letter without braces
SELECT regexp_like('é', '\pL'), regexp_replace('a1', '\pN', '-'), regexp_replace('a1', '\PL', '-'), regexp_replace('pLu A', '\pLu', '-')
--- a class of one letter in brackets
--- refused: regular expressions
SELECT regexp_replace('pLa', '[\pL]', '-')
--- a class by name in brackets
--- refused: regular expressions
SELECT regexp_replace('a1 {b}', '[\p{L}\d]', '-'), regexp_replace('a1 {b}', '[^\p{L}]', '-'), regexp_like('}', '[\s]*[^\p{L}]{1,2}')
--- a class by name that is negated within
SELECT regexp_like('a', '\p{^L}')
--- a class by a long name
--- refused: regular expressions
SELECT regexp_like('a', '\p{Letter}')
--- a class by the name LC
--- refused: regular expressions
SELECT regexp_like('a', '\p{LC}')
--- a class by the name lu
--- refused: regular expressions
SELECT regexp_like('a', '\p{lu}')
--- a class by the name Cn
--- refused: regular expressions
SELECT regexp_like('a', '\p{Cn}')
--- a class by the name ASCII
--- refused: regular expressions
SELECT regexp_like('a', '\p{ASCII}')
--- a class by the name Alpha
--- refused: regular expressions
SELECT regexp_like('a', '\p{Alpha}')
--- a class by the name Thai
--- refused: regular expressions
SELECT regexp_like('a', '\p{Thai}')
--- categories
SELECT regexp_replace(x, '\p{L}', '-'), regexp_replace(x, '\p{Lu}', '-'), regexp_replace(x, '\P{Ll}', '-'), regexp_replace(x, '\p{N}', '-'), regexp_replace(x, '\p{P}', '-'), regexp_replace(x, '\p{S}', '-'), regexp_replace(x, '\p{Z}', '-'), regexp_replace(x, '\p{C}', '-') FROM (VALUES 'aÉ1½ , $€', '日本 😀', 'ж Σ א', concat('x', chr(9), 'y')) t(x)
--- scripts
SELECT regexp_replace(x, '\p{Latin}', '-'), regexp_replace(x, '\p{Greek}', '-'), regexp_replace(x, '\p{Cyrillic}', '-'), regexp_replace(x, '\p{Han}', '-'), regexp_replace(x, '\p{Hebrew}', '-') FROM (VALUES 'aÉ1', '日本', 'жΣא') t(x)
--- categories of a young character
--- refused: regular expressions
SELECT regexp_like(chr(129299), '\p{So}')
--- flags that are none
SELECT regexp_extract('aab', '(?U)a+')
--- a named group with P
SELECT regexp_extract('xa', '(?P<n>a)')
--- a group that is named by a digit
SELECT regexp_extract('xa', '(?<1>a)')
--- two groups of one name
SELECT regexp_extract('aa', '(?<n>a)(?<n>a)')
--- no flags
SELECT regexp_like('a', '(?)a')
--- flags at the beginning
SELECT x, regexp_like(x, '(?i)A|B'), regexp_extract(x, '(?i)A|B'), regexp_replace(x, '(?i)A|B', '-'), regexp_position(x, '(?i)A|B') FROM (VALUES 'a', 'b', 'AB') t(x) UNION ALL SELECT x, regexp_like(x, 'x|(?i)A|B'), regexp_extract(x, 'x|(?i)A|B'), regexp_replace(x, 'x|(?i)A|B', '-'), regexp_position(x, 'x|(?i)A|B') FROM (VALUES 'a', 'x', 'AB') t(x) UNION ALL SELECT x, regexp_like(x, '(a|(?i)b)B'), regexp_extract(x, '(a|(?i)b)B'), regexp_replace(x, '(a|(?i)b)B', '-'), regexp_position(x, '(a|(?i)b)B') FROM (VALUES 'aB', 'BB', 'ab') t(x)
--- flags of a group
SELECT x, regexp_like(x, 'a(?i:B|C)d'), regexp_extract(x, 'a(?i:B|C)d'), regexp_replace(x, 'a(?i:B|C)d', '-'), regexp_position(x, 'a(?i:B|C)d') FROM (VALUES 'abd', 'aCd', 'Abd', 'abD') t(x) UNION ALL SELECT x, regexp_like(x, '(?is-m:A.B)'), regexp_extract(x, '(?is-m:A.B)'), regexp_replace(x, '(?is-m:A.B)', '-'), regexp_position(x, '(?is-m:A.B)') FROM (VALUES concat('a', chr(10), 'b')) t(x)
--- flags within a branch: a(?i)B|A
--- refused: regular expressions
SELECT x, regexp_like(x, 'a(?i)B|A'), regexp_extract(x, 'a(?i)B|A'), regexp_replace(x, 'a(?i)B|A', '-'), regexp_position(x, 'a(?i)B|A') FROM (VALUES 'a', 'b', 'aB', 'AB') t(x)
--- flags within a branch: ^(?i)a|b
--- refused: regular expressions
SELECT x, regexp_like(x, '^(?i)a|b'), regexp_extract(x, '^(?i)a|b'), regexp_replace(x, '^(?i)a|b', '-'), regexp_position(x, '^(?i)a|b') FROM (VALUES 'a', 'b', 'aB', 'AB') t(x)
--- flags within a branch: (?:a(?i)x|b)
--- refused: regular expressions
SELECT x, regexp_like(x, '(?:a(?i)x|b)'), regexp_extract(x, '(?:a(?i)x|b)'), regexp_replace(x, '(?:a(?i)x|b)', '-'), regexp_position(x, '(?:a(?i)x|b)') FROM (VALUES 'a', 'b', 'aB', 'AB') t(x)
--- flags within a branch: a(?i)b
--- refused: regular expressions
SELECT x, regexp_like(x, 'a(?i)b'), regexp_extract(x, 'a(?i)b'), regexp_replace(x, 'a(?i)b', '-'), regexp_position(x, 'a(?i)b') FROM (VALUES 'a', 'b', 'aB', 'AB') t(x)
--- quoted
SELECT x, regexp_like(x, '\Qa.\E'), regexp_extract(x, '\Qa.\E'), regexp_replace(x, '\Qa.\E', '-'), regexp_position(x, '\Qa.\E') FROM (VALUES 'a.', 'ab') t(x) UNION ALL SELECT x, regexp_like(x, '\Qaa\E+'), regexp_extract(x, '\Qaa\E+'), regexp_replace(x, '\Qaa\E+', '-'), regexp_position(x, '\Qaa\E+') FROM (VALUES 'aaaa', 'a') t(x) UNION ALL SELECT x, regexp_like(x, '\Qa\\E'), regexp_extract(x, '\Qa\\E'), regexp_replace(x, '\Qa\\E', '-'), regexp_position(x, '\Qa\\E') FROM (VALUES 'a\', 'a') t(x) UNION ALL SELECT x, regexp_like(x, '\Q{2'), regexp_extract(x, '\Q{2'), regexp_replace(x, '\Q{2', '-'), regexp_position(x, '\Q{2') FROM (VALUES 'a{2') t(x) UNION ALL SELECT x, regexp_like(x, 'a\Q\Eb'), regexp_extract(x, 'a\Q\Eb'), regexp_replace(x, 'a\Q\Eb', '-'), regexp_position(x, 'a\Q\Eb') FROM (VALUES 'ab') t(x)
--- a repetition of nothing quoted
--- refused: regular expressions
SELECT x, regexp_like(x, 'a\Q\E*'), regexp_extract(x, 'a\Q\E*'), regexp_replace(x, 'a\Q\E*', '-'), regexp_position(x, 'a\Q\E*') FROM (VALUES '', 'a', 'aa') t(x)
--- escapes
SELECT regexp_position(s, '\a'), regexp_position(s, '\f'), regexp_position(s, '\v'), regexp_position(s, '\t'), regexp_position(s, '\n'), regexp_position(s, '\r'), regexp_position(s, '\x61'), regexp_position(s, '\x{61}'), regexp_position(s, '\x{000061}'), regexp_position(s, '\0'), regexp_position(s, '\01'), regexp_position(s, '\0141'), regexp_position(s, '\012'), regexp_position(s, '\_'), regexp_position(s, '\<'), regexp_position(s, '\>'), regexp_position(s, '\-'), regexp_position(s, '\ '), regexp_position(s, '\/'), regexp_position(s, '\"'), regexp_position(s, '\#'), regexp_position(s, '\@'), regexp_position(s, '\`'), regexp_position(s, '\~'), regexp_position(s, '\{'), regexp_position(s, '\}'), regexp_position(s, '\]'), regexp_position(s, '\&') FROM (SELECT array_join(transform(sequence(1, 127), x -> chr(x)), '') AS s)
--- characters by code
SELECT regexp_like('é', '\x{e9}'), regexp_like('😀', '\x{1F600}'), regexp_like('é', '[\x{e0}-\x{ff}]')
--- bytes: \xe9
--- refused: regular expressions
SELECT regexp_like('é', '\xe9')
--- bytes: \xC3\xA9
--- refused: regular expressions
SELECT regexp_like('é', '\xC3\xA9')
--- bytes: \351
--- refused: regular expressions
SELECT regexp_like('é', '\351')
--- bytes: [\xe9]
--- refused: regular expressions
SELECT regexp_like('é', '[\xe9]')
--- bytes: \141
--- refused: regular expressions
SELECT regexp_like('é', '\141')
--- escapes of Java: (a)\1
--- refused: regular expressions
SELECT regexp_like('a', '(a)\1')
--- escapes of Java: [\141]
--- refused: regular expressions
SELECT regexp_like('a', '[\141]')
--- escapes of Java: \h
--- refused: regular expressions
SELECT regexp_like('a', '\h')
--- escapes of Java: \H
--- refused: regular expressions
SELECT regexp_like('a', '\H')
--- escapes of Java: \R
--- refused: regular expressions
SELECT regexp_like('a', '\R')
--- escapes of Java: \K
--- refused: regular expressions
SELECT regexp_like('a', '\K')
--- escapes of Java: \G
--- refused: regular expressions
SELECT regexp_like('a', '\G')
--- escapes of Java: \Z
--- refused: regular expressions
SELECT regexp_like('a', '\Z')
--- escapes of Java: \X
--- refused: regular expressions
SELECT regexp_like('a', '\X')
--- escapes of Java: \e
--- refused: regular expressions
SELECT regexp_like('a', '\e')
--- escapes of Java: \u0061
--- refused: regular expressions
SELECT regexp_like('a', '\u0061')
--- escapes of Java: [\b]
--- refused: regular expressions
SELECT regexp_like('a', '[\b]')
--- escapes of Java: (?>a)
--- refused: regular expressions
SELECT regexp_like('a', '(?>a)')
--- escapes of Java: (?#c)a
--- refused: regular expressions
SELECT regexp_like('a', '(?#c)a')
--- escapes of Java: a*+
--- refused: regular expressions
SELECT regexp_like('a', 'a*+')
--- escapes of Java: a{1,2}+
--- refused: regular expressions
SELECT regexp_like('a', 'a{1,2}+')
--- escapes of Java: (?x)a b
--- refused: regular expressions
SELECT regexp_like('a', '(?x)a b')
--- escapes of Java: \é
--- refused: regular expressions
SELECT regexp_like('a', '\é')
--- braces
SELECT x, regexp_like(x, 'a{,2}'), regexp_extract(x, 'a{,2}'), regexp_replace(x, 'a{,2}', '-'), regexp_position(x, 'a{,2}') FROM (VALUES 'aa', 'a{,2}') t(x) UNION ALL SELECT x, regexp_like(x, 'a{2'), regexp_extract(x, 'a{2'), regexp_replace(x, 'a{2', '-'), regexp_position(x, 'a{2') FROM (VALUES 'aa', 'a{2') t(x) UNION ALL SELECT x, regexp_like(x, 'a{ 2}'), regexp_extract(x, 'a{ 2}'), regexp_replace(x, 'a{ 2}', '-'), regexp_position(x, 'a{ 2}') FROM (VALUES 'aa', 'a{ 2}') t(x) UNION ALL SELECT x, regexp_like(x, 'a{2}?'), regexp_extract(x, 'a{2}?'), regexp_replace(x, 'a{2}?', '-'), regexp_position(x, 'a{2}?') FROM (VALUES 'aaa') t(x) UNION ALL SELECT x, regexp_like(x, 'a{0}b'), regexp_extract(x, 'a{0}b'), regexp_replace(x, 'a{0}b', '-'), regexp_position(x, 'a{0}b') FROM (VALUES 'ab') t(x) UNION ALL SELECT x, regexp_like(x, '"{'), regexp_extract(x, '"{'), regexp_replace(x, '"{', '-'), regexp_position(x, '"{') FROM (VALUES 'x"{') t(x) UNION ALL SELECT x, regexp_like(x, 'a}]'), regexp_extract(x, 'a}]'), regexp_replace(x, 'a}]', '-'), regexp_position(x, 'a}]') FROM (VALUES 'a}]') t(x)
--- braces with a zero in front
--- refused: regular expressions
SELECT x, regexp_like(x, 'a{02}'), regexp_extract(x, 'a{02}'), regexp_replace(x, 'a{02}', '-'), regexp_position(x, 'a{02}') FROM (VALUES 'aa', 'a{02}') t(x)
--- braces with a zero in front of the second
--- refused: regular expressions
SELECT x, regexp_like(x, 'a{1,02}'), regexp_extract(x, 'a{1,02}'), regexp_replace(x, 'a{1,02}', '-'), regexp_position(x, 'a{1,02}') FROM (VALUES 'aa', 'a{1,02}') t(x)
--- a repetition of a repetition without need
SELECT x, regexp_like(x, '(?:a+)?b'), regexp_extract(x, '(?:a+)?b'), regexp_replace(x, '(?:a+)?b', '-'), regexp_position(x, '(?:a+)?b') FROM (VALUES 'aab', 'b') t(x) UNION ALL SELECT x, regexp_like(x, '(?:a{2}){2}'), regexp_extract(x, '(?:a{2}){2}'), regexp_replace(x, '(?:a{2}){2}', '-'), regexp_position(x, '(?:a{2}){2}') FROM (VALUES 'aaaaa') t(x) UNION ALL SELECT x, regexp_like(x, '(?:a|bc)+?c'), regexp_extract(x, '(?:a|bc)+?c'), regexp_replace(x, '(?:a|bc)+?c', '-'), regexp_position(x, '(?:a|bc)+?c') FROM (VALUES 'abcc') t(x)
--- repetitions otherwise: (a*|b)*
--- refused: regular expressions
SELECT x, regexp_extract(x, '(a*|b)*'), regexp_extract(x, '((a*|b)*)', 1) FROM (VALUES 'ab', 'bb', 'aab') t(x)
--- repetitions otherwise: (a*)+
--- refused: regular expressions
SELECT x, regexp_extract(x, '(a*)+'), regexp_extract(x, '((a*)+)', 1) FROM (VALUES 'ab', 'bb', 'aab') t(x)
--- repetitions otherwise: (a|b|)*
--- refused: regular expressions
SELECT x, regexp_extract(x, '(a|b|)*'), regexp_extract(x, '((a|b|)*)', 1) FROM (VALUES 'ab', 'bb', 'aab') t(x)
--- repetitions otherwise: (|a){2}
--- refused: regular expressions
SELECT x, regexp_extract(x, '(|a){2}'), regexp_extract(x, '((|a){2})', 1) FROM (VALUES 'ab', 'bb', 'aab') t(x)
--- repetitions otherwise: (b|$)+
--- refused: regular expressions
SELECT x, regexp_extract(x, '(b|$)+'), regexp_extract(x, '((b|$)+)', 1) FROM (VALUES 'ab', 'bb', 'aab') t(x)
--- repetitions otherwise: (a??){2,3}
--- refused: regular expressions
SELECT x, regexp_extract(x, '(a??){2,3}'), regexp_extract(x, '((a??){2,3})', 1) FROM (VALUES 'ab', 'bb', 'aab') t(x)
--- repetitions otherwise: (^)*
--- refused: regular expressions
SELECT x, regexp_extract(x, '(^)*'), regexp_extract(x, '((^)*)', 1) FROM (VALUES 'ab', 'bb', 'aab') t(x)
--- repetitions otherwise: (?:[^a]+?)+
--- refused: regular expressions
SELECT x, regexp_extract(x, '(?:[^a]+?)+'), regexp_extract(x, '((?:[^a]+?)+)', 1) FROM (VALUES 'ab', 'bb', 'aab') t(x)
--- a repetition of nothing that Trino does not read
SELECT regexp_like('a', '(?:){2}')
--- groups in repetitions
SELECT regexp_extract('ab', '(?:(a)|b)*', 1), regexp_extract('ab', '((a)|b)*', 2), regexp_extract('ba', '(?:(a)|(b))*', 2), regexp_extract('aba', '(?:(a)|(b))+', 2), regexp_extract('aab', '(a){1,2}', 1), regexp_extract('b', '(a*)?b', 1)
--- members of ASCII, escapes
SELECT regexp_replace(s, '\w', ''), regexp_replace(s, '\W', ''), regexp_replace(s, '\d', ''), regexp_replace(s, '\D', ''), regexp_replace(s, '\s', ''), regexp_replace(s, '\S', ''), regexp_replace(s, '.', ''), regexp_replace(s, '(?s).', '') FROM (SELECT array_join(transform(sequence(1, 127), x -> chr(x)), '') AS s)
--- members of ASCII, in brackets
SELECT regexp_replace(s, '[\w]', ''), regexp_replace(s, '[^\w]', ''), regexp_replace(s, '[\s]', ''), regexp_replace(s, '[^\s]', ''), regexp_replace(s, '[\S\n]', ''), regexp_replace(s, '[\W_]', ''), regexp_replace(s, '[^\d\s]', '') FROM (SELECT array_join(transform(sequence(1, 127), x -> chr(x)), '') AS s)
--- members of ASCII, ranges
SELECT regexp_replace(s, '[+--]', ''), regexp_replace(s, '[--/]', ''), regexp_replace(s, '[a-]', ''), regexp_replace(s, '[-a]', ''), regexp_replace(s, '[^-a]', ''), regexp_replace(s, '[]-a]', ''), regexp_replace(s, '[a^]', ''), regexp_replace(s, '[^^]', ''), regexp_replace(s, '[ -~]', ''), regexp_replace(s, '[a-c-]', ''), regexp_replace(s, '[\x41-\x43]', ''), regexp_replace(s, '[\t-\r]', ''), regexp_replace(s, '[\w-]', ''), regexp_replace(s, '[a&]', '') FROM (SELECT array_join(transform(sequence(1, 127), x -> chr(x)), '') AS s)
--- members of ASCII, by names
SELECT regexp_replace(s, '[[:alnum:]]', ''), regexp_replace(s, '[[:alpha:]]', ''), regexp_replace(s, '[[:blank:]]', ''), regexp_replace(s, '[[:cntrl:]]', ''), regexp_replace(s, '[[:digit:]]', ''), regexp_replace(s, '[[:graph:]]', ''), regexp_replace(s, '[[:lower:]]', ''), regexp_replace(s, '[[:print:]]', ''), regexp_replace(s, '[[:space:]]', ''), regexp_replace(s, '[[:upper:]]', ''), regexp_replace(s, '[[:word:]]', ''), regexp_replace(s, '[[:xdigit:]]', ''), regexp_replace(s, '[[:ascii:]]', ''), regexp_replace(s, '[[:^digit:]]', ''), regexp_replace(s, '[^[:^alpha:]]', '') FROM (SELECT array_join(transform(sequence(1, 127), x -> chr(x)), '') AS s)
--- members of ASCII, of both cases
SELECT regexp_replace(s, '(?i)[a-c]', ''), regexp_replace(s, '(?i)[^a-c]', ''), regexp_replace(s, '(?i)[A-z]', ''), regexp_replace(s, '(?i)[^A]', ''), regexp_replace(s, '(?i)k', ''), regexp_replace(s, '(?i)s', ''), regexp_replace(s, '(?i)[ -Z]', ''), regexp_replace(s, '(?i)\w', ''), regexp_replace(s, '(?i)[[:upper:]]', ''), regexp_replace(s, '(?i)[^[:upper:]]', '') FROM (SELECT array_join(transform(sequence(1, 127), x -> chr(x)), '') AS s)
--- members beyond ASCII
SELECT regexp_replace(s, '\w', ''), regexp_replace(s, '\W', ''), regexp_replace(s, '\s', ''), regexp_replace(s, '\S', ''), regexp_replace(s, '\d', ''), regexp_replace(s, '\D', ''), regexp_replace(s, '.', ''), regexp_replace(s, '[^a]', ''), regexp_replace(s, '[^\s]', ''), regexp_replace(s, '[à-é]', '') FROM (SELECT array_join(transform(sequence(128, 1700), x -> chr(x)), '') || chr(8232) || chr(12288) AS s)
--- a vertical tab is a space
SELECT regexp_like(concat('a', chr(11)), '\s'), regexp_replace(concat('a', chr(11), 'b'), '[^\S]', '-'), regexp_split(concat('a', chr(11), 'b'), '\s'), regexp_extract(concat('a', chr(11), 'b'), '(\S)[\s]b', 1), regexp_replace(concat('a', chr(11), 'b'), '[x\s]*', '-')
--- a - behind a class: [\w-z]
--- refused: regular expressions
SELECT regexp_replace('a-b.c z', '[\w-z]', '')
--- a - behind a class: [\d-x]
--- refused: regular expressions
SELECT regexp_replace('a-b.c z', '[\d-x]', '')
--- a - behind a class: [a-c-z]
--- refused: regular expressions
SELECT regexp_replace('a-b.c z', '[a-c-z]', '')
--- a - behind a class: [\w-.]
--- refused: regular expressions
SELECT regexp_replace('a-b.c z', '[\w-.]', '')
--- punctuation by name
--- refused: regular expressions
SELECT regexp_replace('a+b.c', '[[:punct:]]', '')
--- both cases: (?i)\p{Lu}
--- refused: regular expressions
SELECT regexp_extract(x, '(?i)\p{Lu}') FROM (VALUES 'STRASSE', 'fi', 'sk') t(x)
--- both cases: (?i)[^\W]
--- refused: regular expressions
SELECT regexp_extract(x, '(?i)[^\W]') FROM (VALUES 'STRASSE', 'fi', 'sk') t(x)
--- both cases: (?i)straße
--- refused: regular expressions
SELECT regexp_extract(x, '(?i)straße') FROM (VALUES 'STRASSE', 'fi', 'sk') t(x)
--- both cases: (?i)ﬁ
--- refused: regular expressions
SELECT regexp_extract(x, '(?i)ﬁ') FROM (VALUES 'STRASSE', 'fi', 'sk') t(x)
--- both cases: (?i)[ß]
--- refused: regular expressions
SELECT regexp_extract(x, '(?i)[ß]') FROM (VALUES 'STRASSE', 'fi', 'sk') t(x)
--- both cases: (?i)\x{df}
--- refused: regular expressions
SELECT regexp_extract(x, '(?i)\x{df}') FROM (VALUES 'STRASSE', 'fi', 'sk') t(x)
--- lines
SELECT x, regexp_like(x, 'a.b'), regexp_position(x, 'a.b'), regexp_like(x, 'a[^x]b'), regexp_position(x, 'a[^x]b'), regexp_like(x, 'a\sb'), regexp_position(x, 'a\sb'), regexp_like(x, '(?m)^b'), regexp_position(x, '(?m)^b'), regexp_like(x, '(?m)a$'), regexp_position(x, '(?m)a$'), regexp_like(x, '(?m)^$'), regexp_position(x, '(?m)^$'), regexp_like(x, '\Ab'), regexp_position(x, '\Ab'), regexp_like(x, 'a\z'), regexp_position(x, 'a\z'), regexp_like(x, 'b$'), regexp_position(x, 'b$') FROM (VALUES 'ab', concat('a', chr(10), 'b'), concat('a', chr(13), chr(10), 'b'), concat('a', chr(13), 'b'), concat('a', chr(133), 'b'), concat('a', chr(8232), 'b'), concat('a', chr(10), chr(10), 'b')) t(x)
--- lines of a text that ends in a line feed
SELECT regexp_position(x, '(?m)^b'), regexp_position(x, '(?m)^.'), regexp_position(x, '(?m)a$'), regexp_position(x, '(?m)$'), regexp_position(x, '\z') FROM (VALUES concat('a', chr(10)), concat('a', chr(10), 'b', chr(10))) t(x)
--- a line behind the last
--- refused: regular expressions
SELECT regexp_like(concat('a', chr(10)), '\n(?m:^)')
--- an empty line behind the last
--- refused: regular expressions
SELECT regexp_position(concat('a', chr(10)), '(?m)^$')
--- an empty end beyond ASCII: b?$
--- refused: regular expressions
SELECT regexp_like('aé', 'b?$')
--- an empty end beyond ASCII: b?\z
--- refused: regular expressions
SELECT regexp_like('aé', 'b?\z')
--- an empty end beyond ASCII: (?:b|)$
--- refused: regular expressions
SELECT regexp_like('aé', '(?:b|)$')
--- an end beyond ASCII
SELECT x, regexp_like(x, 'b*$'), regexp_like(x, '^b?$'), regexp_like(x, '^$'), regexp_replace(x, '.$', '-'), regexp_replace(x, '\s*$', '-'), regexp_like(x, '^[^/]*$') FROM (VALUES 'é', 'a日', '', 'b') t(x)
--- an end in ASCII
SELECT x, regexp_like(x, 'b?$'), regexp_replace(x, '/?$', '-') FROM (VALUES 'éa', 'a/', '', 'b') t(x)
--- a character that is none
--- refused: regular expressions
SELECT regexp_like('a', '\x{110000}')
--- no regular expression: [
SELECT regexp_like('a', '[')
--- no regular expression: []
SELECT regexp_like('a', '[]')
--- no regular expression: [z-a]
SELECT regexp_like('a', '[z-a]')
--- no regular expression: (a
SELECT regexp_like('a', '(a')
--- no regular expression: a)
SELECT regexp_like('a', 'a)')
--- no regular expression: *a
SELECT regexp_like('a', '*a')
--- no regular expression: +
SELECT regexp_like('a', '+')
--- no regular expression: a{2,1}
SELECT regexp_like('a', 'a{2,1}')
--- no regular expression: a**b(
SELECT regexp_like('a', 'a**b(')
--- no regular expression: \p{
SELECT regexp_like('a', '\p{')
--- no regular expression: \p{}
SELECT regexp_like('a', '\p{}')
--- no regular expression: [[:foo:]]
SELECT regexp_like('a', '[[:foo:]]')
