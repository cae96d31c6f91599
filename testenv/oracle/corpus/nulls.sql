--- null and empty are two
SELECT seq, actor_email, actor_email IS NULL, actor_email = '', actor_email <> '', length(actor_email) FROM audit_logs WHERE retention = 'long'
--- counts leave out nulls
SELECT count(*), count(actor_email), count(reason), count(DISTINCT organization_id), count(organization_id) FROM audit_logs WHERE retention <> 'standard'
--- empty is the least
SELECT min(reason), max(reason), min(organization_id) FROM audit_logs WHERE retention = 'long'
--- is distinct from
SELECT seq, reason IS DISTINCT FROM '', reason IS NOT DISTINCT FROM NULL FROM audit_logs WHERE retention = 'long'
--- not in with null
SELECT seq FROM audit_logs WHERE retention = 'long' AND organization_id NOT IN ('org-1', NULL)
--- in with null
SELECT seq, organization_id IN ('org-1', NULL) FROM audit_logs WHERE retention = 'long'
--- three-valued and
SELECT true AND NULL, false AND NULL, NULL AND NULL, true OR NULL, false OR NULL, NOT CAST(NULL AS boolean)
--- comparisons with null
SELECT 1 = NULL, NULL = NULL, 1 < NULL, NULL BETWEEN 1 AND 2, 1 BETWEEN NULL AND 2, 3 BETWEEN NULL AND 2
--- coalesce
SELECT seq, coalesce(actor_email, reason, 'none'), coalesce(NULL, actor_email) FROM audit_logs WHERE retention = 'long' ORDER BY seq
--- nullif
SELECT seq, nullif(actor_email, ''), nullif(1, 1), nullif(1, 2), nullif(NULL, 1), nullif(1, NULL) FROM audit_logs WHERE retention = 'long' ORDER BY seq
--- nulls last ascending
SELECT seq, organization_id FROM audit_logs WHERE retention = 'long' ORDER BY organization_id, seq
--- nulls last descending
SELECT seq, organization_id FROM audit_logs WHERE retention = 'long' ORDER BY organization_id DESC, seq
--- nulls first
SELECT seq, organization_id FROM audit_logs WHERE retention = 'long' ORDER BY organization_id NULLS FIRST, seq DESC
--- nulls first descending
SELECT seq, organization_id FROM audit_logs WHERE retention = 'long' ORDER BY organization_id DESC NULLS FIRST, seq
--- group by null
SELECT organization_id, count(*) FROM audit_logs WHERE retention <> 'standard' GROUP BY organization_id
--- distinct null
SELECT DISTINCT organization_id, outcome FROM audit_logs WHERE retention <> 'standard'
--- aggregates of nothing
SELECT count(*), sum(seq), avg(seq), min(action), max(timestamp), bool_and(seq = 1), array_agg(seq), max_by(action, seq), count_if(true), stddev(seq) FROM audit_logs WHERE seq = -1
--- aggregates of nulls
SELECT count(x), sum(x), avg(x), min(x), max(x), array_agg(x) FROM (VALUES (CAST(NULL AS bigint)), (NULL)) AS t(x)
--- concatenation with null
SELECT 'a' || CAST(NULL AS varchar), concat('a', CAST(NULL AS varchar)), concat('a', 'b', 'c'), CAST(NULL AS varchar) || 'x'
--- functions of null
SELECT length(NULL), upper(NULL), round(CAST(NULL AS double)), year(CAST(NULL AS timestamp)), NULL LIKE 'a', 'a' LIKE NULL
--- case without else
SELECT seq, CASE WHEN seq < 2 THEN 'few' END, CASE reason WHEN '' THEN 'empty' WHEN NULL THEN 'never' ELSE 'else' END FROM audit_logs WHERE retention = 'long' ORDER BY seq
--- greatest and least with null
SELECT greatest(1, NULL), least(NULL, 'a'), greatest(1, 2, 3), least('b', 'a', 'c'), greatest(date '2024-01-01', date '2023-01-01')
--- arrays of null
SELECT ARRAY[1, NULL], cardinality(ARRAY[NULL, NULL]), contains(ARRAY[1, NULL], 2), contains(ARRAY[1, 2], NULL), ARRAY[NULL][1]
--- where null is not true
SELECT count(*) FROM audit_logs WHERE NULL
--- not null is not true
SELECT count(*) FROM audit_logs WHERE NOT (actor_email = 'alice@example.com')
--- exists of null
SELECT EXISTS (SELECT NULL WHERE true), (SELECT NULL) IS NULL, (SELECT 1 WHERE false)
--- empty string functions
SELECT length(''), upper(''), '' || '', substr('', 1), trim(''), split('', ','), strpos('abc', ''), replace('abc', '', '-'), reverse('')
--- empty string compares
SELECT '' = '', '' < 'a', '' IS NULL, '' LIKE '', '' LIKE '%', '' = ' ', nullif('', '') IS NULL
--- try beside constants
SELECT try(CAST(date '2024-01-31' AS varchar)), greatest(0e0, 1e0), try(lpad('x', 2, 'y')), try(from_unixtime(0))
--- equal to a text of a column without bounds
SELECT retention, seq, reason, user_agent FROM audit_logs WHERE reason = 'bad password' AND user_agent IN ('curl/8', 'none') ORDER BY retention, seq
--- any text of a column without bounds
SELECT retention, count(*) FROM audit_logs WHERE user_agent <> '' GROUP BY 1
--- texts of a column without bounds in a range
SELECT retention, count(*) FROM audit_logs WHERE details > '{' AND reason BETWEEN 'A' AND 'b' GROUP BY 1
--- greatest of NULL and an error
SELECT greatest(TRY_CAST('a' AS bigint), CAST('b' AS bigint))
--- greatest of NULL and an error in columns
SELECT greatest(TRY_CAST(x AS bigint), CAST(y AS bigint)) FROM (VALUES ('a', 'b')) AS t(x, y)
--- NULL as the second of what would fail
SELECT lpad('a', CAST(NULL AS bigint), 'x'), lpad('a', -1, CAST(NULL AS varchar)), split_part('a', CAST(NULL AS varchar), 0), split(CAST(NULL AS varchar), ''), slice(ARRAY[1], 0, CAST(NULL AS bigint)), slice(ARRAY[1], CAST(NULL AS bigint), -1), sequence(1, CAST(NULL AS bigint), 0), substr('abc', CAST(NULL AS bigint)), substr('abc', 0, CAST(NULL AS bigint)), substr('abc', CAST(NULL AS bigint), 0), repeat('a', CAST(NULL AS bigint)), from_base('z', CAST(NULL AS bigint)), strpos('a', CAST(NULL AS varchar), 0), array_join(ARRAY['a', 'b'], CAST(NULL AS varchar)), element_at(ARRAY[1], CAST(NULL AS bigint)), ARRAY[1][CAST(NULL AS bigint)], 1 / CAST(NULL AS bigint)
--- texts of NULL in the archive
SELECT count(*), count(substr(reason, 0)), count(substr(reason, 1, 0)), count(substr(actor_email, 3)), count(lpad(reason, 3, 'x')) FROM audit_logs WHERE retention <> 'standard'
--- NULL beside what would fail
SELECT substr(s, 0), substr(s, 1, 0), substr(s, -5, 2), substr(s, 1, -1), lpad(s, -1, 'x'), rpad(s, -1, 'x'), split_part(s, ',', 0), split(s, ''), element_at(a, 0), a[0], slice(a, 0, 1), n / 0, n % 0, mod(n, 0), sequence(n, 5, 0), replace(s, '', 'x'), strpos(s, 'a', 0), chr(CAST(NULL AS bigint)), regexp_replace(s, 'a'), translate(s, 'a', 'b'), concat_ws(s, 'a', 'b'), from_base(s, 1), to_base(n, 1), bit_count(n, 1), date_trunc('day', d), date_add('day', 1, d), log(x, 0), greatest(n, 1), json_extract(s, '$.a'), url_extract_host(s) FROM (VALUES (CAST(NULL AS varchar), CAST(NULL AS array(bigint)), CAST(NULL AS bigint), CAST(NULL AS timestamp), CAST(NULL AS double))) AS t(s, a, n, d, x)
