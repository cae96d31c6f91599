--- counts
SELECT count(*), count(1), count(actor_email), count(DISTINCT actor_id), count(DISTINCT dt) FROM audit_logs
--- sums
SELECT sum(seq), avg(seq), min(seq), max(seq), sum(CAST(seq AS integer)), sum(1.5), sum(1e0) FROM audit_logs WHERE retention = 'long'
--- averages of decimals
SELECT avg(x), sum(x), min(x), max(x) FROM (VALUES 1.50, 2.25, 3.00) AS t(x)
--- averages of integers
SELECT avg(CAST(x AS bigint)), avg(CAST(x AS integer)), avg(CAST(x AS real)) FROM (VALUES 1, 2, 4) AS t(x)
--- sum out of range
SELECT sum(timestamp_ns) FROM audit_logs
--- min and max
SELECT min(action), max(action), min(timestamp), max(timestamp), min(dt), max(dt), min(outcome = 'success') FROM audit_logs
--- min and max of several
--- refused: functions
SELECT min(seq, 3), max(seq, 2) FROM audit_logs WHERE retention = 'long'
--- min_by and max_by
SELECT min_by(action, timestamp_ns), max_by(action, timestamp_ns), max_by(reason, seq), min_by(actor_email, seq) FROM audit_logs WHERE retention = 'long'
--- max_by of several
--- refused: functions
SELECT max_by(seq, timestamp_ns, 3) FROM audit_logs WHERE retention = 'long'
--- booleans
SELECT bool_and(outcome = 'success'), bool_or(outcome = 'failure'), every(seq >= 0), count_if(outcome = 'failure') FROM audit_logs
--- arbitrary
SELECT arbitrary(retention), any_value(retention) FROM audit_logs WHERE retention = 'long'
--- filter
SELECT count(*) FILTER (WHERE outcome = 'failure'), sum(seq) FILTER (WHERE seq < 10), count(DISTINCT actor_id) FILTER (WHERE outcome = 'failure') FROM audit_logs WHERE retention <> 'standard'
--- distinct sums
SELECT sum(DISTINCT x), avg(DISTINCT x), count(DISTINCT x) FROM (VALUES 1, 1, 2, NULL) AS t(x)
--- distinct of several columns
SELECT DISTINCT action, outcome FROM audit_logs WHERE retention <> 'standard'
--- count distinct of several columns
SELECT count(DISTINCT (action, outcome)) FROM audit_logs
--- approximate counts
SELECT approx_distinct(outcome), approx_distinct(retention) FROM audit_logs
--- approximate percentiles
SELECT approx_percentile(x, 0.5), approx_percentile(x, 0.9) FROM (VALUES 1, 2, 3, 4, 5) AS t(x)
--- statistics
SELECT round(stddev(x), 6), round(stddev_pop(x), 6), round(variance(x), 6), round(var_pop(x), 6), round(stddev_samp(x), 6), round(var_samp(x), 6) FROM (VALUES 1, 2, 4, 8) AS t(x)
--- statistics of one
SELECT stddev(x), var_pop(x), variance(x), stddev_pop(x) FROM (VALUES 5) AS t(x)
--- correlation
SELECT round(corr(x, y), 6), round(covar_pop(x, y), 6), round(regr_slope(y, x), 6), round(exp(avg(ln(x))), 6) FROM (VALUES (1e0, 2e0), (2e0, 4e0), (3e0, 7e0)) AS t(x, y)
--- checksum
--- refused: functions
SELECT checksum(action) IS NOT NULL FROM audit_logs
--- bitwise aggregates
SELECT bitwise_and_agg(x), bitwise_or_agg(x) FROM (VALUES 6, 3) AS t(x)
--- the exclusive or of a column
SELECT bitwise_xor_agg(x) FROM (VALUES 6, 3) AS t(x)
--- group by
SELECT outcome, actor_type, count(*) FROM audit_logs GROUP BY outcome, actor_type
--- group by position
SELECT outcome, actor_type, count(*) FROM audit_logs GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
--- group by expression
SELECT length(action) AS l, count(*) FROM audit_logs WHERE retention <> 'standard' GROUP BY length(action) ORDER BY l
--- group by alias
SELECT length(action) AS l, count(*) FROM audit_logs GROUP BY l
--- group by nothing
SELECT count(*) FROM audit_logs GROUP BY ()
--- group by with nothing selected of it
SELECT count(*) FROM audit_logs WHERE retention <> 'standard' GROUP BY action
--- a column that is not grouped
SELECT action, count(*) FROM audit_logs
--- having
SELECT actor_id, count(*) AS n FROM audit_logs GROUP BY actor_id HAVING count(*) > 50 ORDER BY n DESC, actor_id
--- having without group by
SELECT count(*) FROM audit_logs HAVING count(*) > 100000
--- having an alias
SELECT actor_id, count(*) AS n FROM audit_logs GROUP BY actor_id HAVING n > 50
--- an aggregate in where
SELECT 1 FROM audit_logs WHERE count(*) > 1
--- an aggregate in an aggregate
SELECT sum(count(*)) FROM audit_logs
--- grouping sets
SELECT outcome, retention, count(*) FROM audit_logs GROUP BY GROUPING SETS ((outcome), (retention), ()) ORDER BY 1, 2, 3
--- rollup
SELECT retention, outcome, count(*), grouping(retention), grouping(outcome), grouping(retention, outcome) FROM audit_logs GROUP BY ROLLUP (retention, outcome) ORDER BY 1, 2, 3
--- cube
SELECT retention, outcome, count(*) FROM audit_logs GROUP BY CUBE (retention, outcome) ORDER BY 1, 2, 3
--- grouping sets and columns
SELECT retention, outcome, actor_type, count(*) FROM audit_logs GROUP BY retention, GROUPING SETS ((outcome), (actor_type)) ORDER BY 1, 2, 3, 4
--- a group twice
SELECT outcome, count(*) FROM audit_logs GROUP BY GROUPING SETS ((outcome), (outcome)) ORDER BY 1, 2
--- order by an aggregate
SELECT action FROM audit_logs WHERE retention <> 'standard' GROUP BY action ORDER BY count(*) DESC, action
--- order by what is not selected
SELECT action FROM audit_logs WHERE retention = 'minimal' ORDER BY timestamp_ns DESC
--- order by an expression of an alias
SELECT seq AS s FROM audit_logs WHERE retention = 'minimal' ORDER BY s * -1
--- order by position
SELECT seq, action FROM audit_logs WHERE retention = 'minimal' ORDER BY 2 DESC, 1
--- order by a position too far
SELECT seq FROM audit_logs WHERE retention = 'minimal' ORDER BY 2
--- order by what distinct has lost
SELECT DISTINCT action FROM audit_logs ORDER BY seq
--- limit all and zero
SELECT count(*) FROM (SELECT * FROM audit_logs LIMIT ALL) UNION ALL SELECT count(*) FROM (SELECT * FROM audit_logs LIMIT 0)
--- limit of ties
--- refused: sampling and recursion
SELECT outcome, n FROM (VALUES ('a', 2), ('b', 2), ('c', 1)) AS t(outcome, n) ORDER BY n DESC FETCH FIRST 1 ROWS WITH TIES
--- percent of failures
SELECT actor_id, count(*) AS n, count_if(outcome = 'failure') * 100 / count(*) AS percent, round(100e0 * count_if(outcome = 'failure') / count(*), 2) AS exact FROM audit_logs GROUP BY actor_id ORDER BY n DESC, actor_id LIMIT 10
--- percent as decimal
SELECT count_if(outcome = 'failure') * 100.0 / count(*) FROM audit_logs
--- numeric histogram
--- refused: functions
SELECT cardinality(numeric_histogram(3, x)) FROM (VALUES 1e0, 2e0, 10e0) AS t(x)
--- the row of the last event
SELECT retention, CAST(max_by(ROW(action, seq), seq) AS row(action varchar, n bigint)).action AS a FROM audit_logs WHERE stream NOT LIKE '01980000%' GROUP BY retention ORDER BY retention
--- distinct values in the order of others
SELECT array_agg(DISTINCT outcome ORDER BY seq) FROM audit_logs
--- distinct values in the order of a constant
SELECT array_max(array_agg(DISTINCT true ORDER BY false)) FROM audit_logs WHERE seq < 1
--- distinct values in the order of what is made of them
SELECT array_agg(DISTINCT outcome ORDER BY upper(outcome)) FROM audit_logs
--- distinct values in the order of a qualified name
SELECT array_agg(DISTINCT outcome ORDER BY a.outcome) FROM audit_logs AS a
--- distinct values in their own order
SELECT array_agg(DISTINCT outcome ORDER BY OUTCOME DESC), array_agg(DISTINCT upper(outcome) ORDER BY upper(outcome)), array_agg(DISTINCT retention ORDER BY retention) FILTER (WHERE retention <> 'empty') FROM audit_logs
--- listagg of distinct values in the order of others
SELECT listagg(DISTINCT outcome, ',') WITHIN GROUP (ORDER BY seq) FROM audit_logs
--- listagg of distinct values in their own order
SELECT listagg(DISTINCT outcome, ',') WITHIN GROUP (ORDER BY outcome DESC) FROM audit_logs
--- try over an aggregate of two
--- refused: functions
SELECT try(min_by(outcome, seq)) FROM audit_logs WHERE retention = 'long' AND seq = 1
--- map_agg with a filter of two conditions
SELECT map_agg(seq, outcome) FILTER (WHERE seq > 0 AND outcome = 'failure') FROM audit_logs WHERE retention = 'minimal'
--- groups by two places of one column
SELECT outcome AS a, outcome AS b, count(*) FROM audit_logs GROUP BY 1, 2 ORDER BY 1
--- groups by a column and its place
SELECT outcome AS a, outcome AS b, count(*) FROM audit_logs GROUP BY outcome, 2 ORDER BY 1
--- correlation with a constant
SELECT corr(0e0, 0e0), corr(1e0, seq), regr_slope(0e0, 0e0), regr_slope(seq, 1e0), regr_intercept(1e0, 1e0), corr(seq, seq) FROM audit_logs WHERE seq < 3
--- pairs of whole numbers and of doubles
SELECT corr(seq, seq * 2 + 1), covar_pop(seq, 1), covar_samp(seq, timestamp_ns), regr_slope(seq, 3 - seq), regr_intercept(seq, seq), covar_pop(seq, 1e0), corr(CAST(seq AS decimal(5,2)), seq), covar_pop(CAST(seq AS real), CAST(seq AS double)) FROM audit_logs WHERE seq < 3 AND retention = 'standard'
