--- FROM without SELECT
FROM audit_logs
--- FROM without SELECT in WITH
WITH d AS (FROM audit_logs) SELECT count(*) FROM d
--- FROM without SELECT behind UNION
SELECT 1 UNION ALL FROM (VALUES 1) AS t(x)
--- FROM in functions
SELECT trim('x' FROM 'xax'), extract(year FROM date '2024-01-01'), substring('abc' FROM 2), (1 IS DISTINCT FROM 2), 1 IS NOT DISTINCT FROM 2
--- FROM as the first in trim
SELECT trim(FROM ' x ')
--- alias before a value
SELECT x: 5
--- alias in single quotes
SELECT 1 AS 'x'
--- table alias in single quotes
SELECT 1 FROM audit_logs AS 'x'
--- table in single quotes
SELECT 1 FROM 'audit_logs'
--- two equals signs
SELECT 1 == 1
--- tildes
SELECT 'a' ~~ 'a'
--- not tildes
SELECT 'a' !~~ 'b'
--- isnull
SELECT seq FROM audit_logs WHERE reason ISNULL
--- notnull
SELECT seq FROM audit_logs WHERE reason NOTNULL
--- isnull as a name
--- refused: text in an unclear form
SELECT retention ISNULL, outcome NOTNULL FROM audit_logs WHERE retention = 'minimal'
--- isnull as a name behind AS
SELECT retention AS isnull, outcome AS notnull FROM audit_logs WHERE retention = 'minimal'
--- not null behind a value
SELECT seq FROM audit_logs WHERE reason NOT NULL
--- NOT NULL as an expression
SELECT NOT NULL, NOT NULL IS NULL, NULL IS NOT NULL
--- IN of an array
SELECT 1 IN ARRAY[1]
--- NOT IN of an array
SELECT 1 NOT IN ARRAY[1]
--- a schema before a function
SELECT main.upper('x')
--- a value before a function
SELECT ('x').upper()
--- slice with a colon
SELECT ARRAY[1, 2, 3][1:2]
--- type string
SELECT CAST(1 AS string)
--- type text
SELECT CAST(1 AS text)
--- type text in an array
SELECT CAST(ARRAY[1] AS array(text))
--- type int8
SELECT CAST(1 AS int8)
--- type float
SELECT CAST(1 AS float)
--- type bool
SELECT CAST(1 AS bool)
--- type numeric
SELECT CAST(1 AS numeric(3, 1))
--- type dec
SELECT CAST(1 AS dec(3, 1))
--- type long
SELECT CAST(1 AS long)
--- type datetime
SELECT CAST(timestamp '2024-01-01 00:00:00' AS datetime)
--- type timestamptz
SELECT CAST(timestamp '2024-01-01 00:00:00' AS timestamptz)
--- type struct
SELECT CAST(row(1) AS struct(a integer)).a
--- array type in brackets
SELECT CAST(ARRAY[1] AS varchar[])
--- literal of type text
SELECT text 'x'
--- literals of types
SELECT bigint '5', real '1.5', double '2', CAST(row(1, 'x') AS row(text integer, string varchar)).text
--- LIMIT before OFFSET
SELECT seq FROM audit_logs ORDER BY seq, id LIMIT 2 OFFSET 1
--- OFFSET before LIMIT
SELECT retention FROM audit_logs GROUP BY retention ORDER BY retention OFFSET 1 LIMIT 2
