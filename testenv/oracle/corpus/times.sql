--- fields of a timestamp
SELECT timestamp, year(timestamp), quarter(timestamp), month(timestamp), week(timestamp), day(timestamp), hour(timestamp), minute(timestamp), second(timestamp), millisecond(timestamp) FROM audit_logs WHERE retention <> 'standard'
--- days
SELECT timestamp, day_of_week(timestamp), dow(timestamp), day_of_month(timestamp), day_of_year(timestamp), doy(timestamp), week_of_year(timestamp), year_of_week(timestamp), yow(timestamp), last_day_of_month(timestamp) FROM audit_logs WHERE retention <> 'standard'
--- weeks at new year
SELECT d, week(d), year_of_week(d), day_of_week(d), day_of_year(d) FROM (VALUES date '2020-12-31', date '2021-01-01', date '2021-01-03', date '2021-01-04', date '2024-12-30', date '2016-01-01', date '2023-01-01', date '1969-12-31', date '0001-01-01', date '9999-12-31') AS t(d)
--- extract
SELECT extract(year FROM timestamp), extract(month FROM timestamp), extract(day FROM timestamp), extract(hour FROM timestamp), extract(minute FROM timestamp), extract(second FROM timestamp), extract(week FROM timestamp), extract(quarter FROM timestamp), extract(dow FROM timestamp), extract(doy FROM timestamp), extract(yow FROM timestamp), extract(day_of_week FROM timestamp) FROM audit_logs WHERE retention = 'minimal'
--- fields of a date
SELECT year(date '2024-02-29'), month(date '2024-02-29'), day(date '2024-02-29'), extract(quarter FROM date '2024-02-29')
--- hour of a date
SELECT hour(date '2024-02-29')
--- fields before 1970
SELECT second(timestamp '1969-12-31 23:59:59.999'), millisecond(timestamp '1969-12-31 23:59:59.999'), year(timestamp '0001-01-01 00:00:00'), minute(timestamp '1900-01-01 12:34:56')
--- date_trunc
SELECT date_trunc('second', timestamp), date_trunc('minute', timestamp), date_trunc('hour', timestamp), date_trunc('day', timestamp), date_trunc('week', timestamp), date_trunc('month', timestamp), date_trunc('quarter', timestamp), date_trunc('year', timestamp) FROM audit_logs WHERE retention <> 'standard'
--- date_trunc of a date
SELECT date_trunc('day', date '2024-02-29'), date_trunc('week', date '2024-02-29'), date_trunc('month', date '2024-02-29'), date_trunc('quarter', date '2024-02-29'), date_trunc('year', date '2024-02-29')
--- date_trunc in other letters
SELECT date_trunc('MONTH', timestamp '2024-02-29 12:34:56.789'), date_trunc('millisecond', timestamp '2024-02-29 12:34:56.789')
--- date_trunc of an unknown unit
SELECT date_trunc('decade', timestamp '2024-02-29 00:00:00')
--- date_trunc before 1970
SELECT date_trunc('hour', timestamp '1969-12-31 23:59:59.999'), date_trunc('week', date '1969-12-31'), date_trunc('quarter', timestamp '0001-02-03 04:05:06')
--- date_add
SELECT date_add('day', 1, timestamp '2024-02-28 23:00:00'), date_add('month', 1, timestamp '2024-01-31 10:00:00'), date_add('month', -1, timestamp '2024-03-31 10:00:00'), date_add('year', 1, timestamp '2024-02-29 10:00:00'), date_add('week', -1, timestamp '2024-01-01 00:00:00'), date_add('quarter', 1, timestamp '2023-11-30 00:00:00'), date_add('hour', 25, timestamp '2024-01-01 00:00:00'), date_add('minute', -1, timestamp '2024-01-01 00:00:00'), date_add('second', 90, timestamp '2024-01-01 00:00:00')
--- date_add of milliseconds
SELECT date_add('millisecond', 1, timestamp '2024-01-01 00:00:00.000'), date_add('millisecond', -1, timestamp) FROM audit_logs WHERE retention = 'long'
--- date_add of milliseconds to seconds
--- refused: types
SELECT date_add('millisecond', 1, timestamp '2024-01-01 00:00:00')
--- date_add to a date
SELECT date_add('day', 366, date '2024-01-01'), date_add('month', 1, date '2024-01-31'), date_add('week', 1, date '2024-02-26'), date_add('year', -1, date '2024-02-29'), date_add('quarter', -1, date '2024-05-31')
--- date_add of hours to a date
SELECT date_add('hour', 1, date '2024-01-01')
--- date_diff counts whole units
SELECT date_diff('hour', timestamp '2024-01-01 10:59:00', timestamp '2024-01-01 11:01:00'), date_diff('day', timestamp '2024-01-01 23:00:00', timestamp '2024-01-02 22:59:59'), date_diff('month', timestamp '2024-01-31 00:00:00', timestamp '2024-02-29 00:00:00'), date_diff('year', date '2020-02-29', date '2021-02-28'), date_diff('week', date '2024-01-01', date '2024-01-07'), date_diff('quarter', date '2024-01-15', date '2024-04-14')
--- date_diff backwards
SELECT date_diff('hour', timestamp '2024-01-01 11:01:00', timestamp '2024-01-01 10:00:00'), date_diff('day', date '2024-03-01', date '2024-02-01'), date_diff('month', date '2024-03-31', date '2024-02-29'), date_diff('second', timestamp '2024-01-01 00:00:00.900', timestamp '2024-01-01 00:00:00'), date_diff('millisecond', timestamp '2024-01-01 00:00:00.900', timestamp '2024-01-01 00:00:00')
--- date_diff at the ends of months
SELECT date_diff('month', date '2024-01-31', date '2024-02-28'), date_diff('month', date '2024-02-29', date '2024-03-30'), date_diff('month', date '2023-12-31', date '2024-02-29'), date_diff('year', date '2024-02-29', date '2025-02-28'), date_diff('month', date '2024-02-29', date '2024-01-31'), date_diff('month', date '2024-03-31', date '2024-04-30')
--- date_diff of a column
SELECT seq, date_diff('day', timestamp, timestamp '2024-01-01 00:00:00'), date_diff('millisecond', timestamp '2023-07-10 00:00:00', timestamp) FROM audit_logs WHERE retention <> 'standard'
--- date_diff of a date and a timestamp
SELECT date_diff('hour', date '2024-01-01', timestamp '2024-01-02 01:30:00')
--- intervals
SELECT timestamp '2024-01-31 10:00:00' + interval '1' day, timestamp '2024-01-31 10:00:00' - interval '2' hour, timestamp '2024-01-31 10:00:00' + interval '1' month, timestamp '2024-01-31 10:00:00' - interval '1' year, timestamp '2024-01-31 10:00:00' + interval '90' second, interval '30' minute + timestamp '2024-01-31 10:00:00'
--- intervals and dates
SELECT date '2024-01-31' + interval '1' day, date '2024-01-31' + interval '1' month, date '2024-03-31' - interval '1' month, date '2024-02-29' + interval '1' year
--- hours and dates
SELECT date '2024-01-31' + interval '1' hour
--- negative intervals
SELECT timestamp '2024-01-31 10:00:00' + interval '-1' day, timestamp '2024-01-31 10:00:00' - interval '-1' hour
--- months one after the other
SELECT date '2024-01-31' + interval '1' month + interval '1' month, date '2024-01-31' + interval '2' month
--- difference of timestamps as an answer
--- refused: intervals
SELECT timestamp '2024-01-02 00:00:00' - timestamp '2024-01-01 12:30:00', date '2024-03-01' - date '2024-02-01'
--- intervals as values
--- refused: intervals
SELECT interval '1' day, interval '2' month, interval '1' day + interval '2' hour, interval '90' minute
--- intervals of several fields
--- refused: intervals
SELECT timestamp '2024-01-31 10:00:00' + interval '1 02:03:04' day to second, timestamp '2024-01-31 10:00:00' + interval '1-6' year to month
--- intervals multiplied
--- refused: intervals
SELECT timestamp '2024-01-31 10:00:00' + 3 * interval '1' day, timestamp '2024-01-31 10:00:00' + interval '1' hour * 2
--- intervals compare
SELECT interval '60' minute = interval '1' hour, interval '1' day > interval '23' hour
--- the last days
SELECT count(*) FROM audit_logs WHERE timestamp >= timestamp '2024-03-01 00:00:00' - interval '2' day
--- now is later than all
SELECT count(*), count_if(timestamp < now()), count_if(timestamp < current_timestamp), count_if(timestamp < localtimestamp), count_if(dt <= '2024-03-01') FROM audit_logs
--- now is one instant
SELECT count(DISTINCT now()), now() = current_timestamp, CAST(now() AS date) = current_date, now() - interval '1' hour < now() FROM audit_logs
--- date_format
SELECT date_format(timestamp, '%Y-%m-%d %H:%i:%s.%f'), date_format(timestamp, '%d/%c/%y %h:%i %p'), date_format(timestamp, '%W %M %e %j'), date_format(timestamp, '%a %b %T %r') FROM audit_logs WHERE retention <> 'standard'
--- date_format of other letters
SELECT date_format(timestamp '2024-01-05 03:04:05.006', '%k %l %I %S %% x'), date_format(timestamp '2024-01-05 13:04:05', '%Y年%m月'), date_format(date '2024-02-29', '%Y/%m'), date_format(timestamp '2024-01-05 00:04:05', '%h %l %r')
--- date_format of weeks
SELECT date_format(timestamp '2024-01-05 00:00:00', '%v %x')
--- date_format of fractions
SELECT date_format(timestamp '2024-01-05 03:04:05.006', '%f'), date_format(timestamp '2024-01-05 03:04:05', '%f')
--- date_parse
SELECT date_parse('2024-02-29', '%Y-%m-%d'), date_parse('2024-02-29 13:14:15', '%Y-%m-%d %H:%i:%s'), date_parse('29/Feb/2024', '%d/%b/%Y'), date_parse('02/09/24', '%m/%d/%y'), date_parse('10:11 PM', '%h:%i %p')
--- date_parse of fractions
SELECT date_parse('2024-02-29 13:14:15.123', '%Y-%m-%d %H:%i:%s.%f'), date_parse('2024-02-29 13:14:15.1', '%Y-%m-%d %H:%i:%s.%f')
--- date_parse that fails
SELECT date_parse('2024-02-30', '%Y-%m-%d')
--- date_parse of too much
SELECT date_parse('2024-02-29 10:00', '%Y-%m-%d')
--- date_parse without leading zeros
SELECT date_parse('2024-2-9', '%Y-%m-%d'), date_parse('2024-2-9', '%Y-%c-%e')
--- format_datetime
SELECT format_datetime(timestamp '2024-02-29 13:14:15.678', 'yyyy-MM-dd HH:mm:ss.SSS'), format_datetime(timestamp '2024-02-29 13:14:15', 'EEE, d MMM yyyy h:mm a')
--- parse_datetime
SELECT parse_datetime('2024-02-29 13:14', 'yyyy-MM-dd HH:mm')
--- from_unixtime
SELECT from_unixtime(0), from_unixtime(1709208000), from_unixtime(1709208000.5), from_unixtime(-1), from_unixtime(1e9)
--- from_unixtime of a column
SELECT from_unixtime(timestamp_ns / 1000000000), to_unixtime(timestamp), from_unixtime(floor(to_unixtime(timestamp) / 3600) * 3600) FROM audit_logs WHERE retention = 'long'
--- from_unixtime_nanos
--- refused: functions
SELECT from_unixtime_nanos(1709208000123456789) > timestamp '2024-02-29 12:00:00'
--- to_unixtime
SELECT to_unixtime(timestamp '1970-01-01 00:00:00'), to_unixtime(timestamp '2024-02-29 12:00:00.5'), to_unixtime(timestamp '1969-12-31 23:59:59.999'), to_unixtime(from_unixtime(12345.678))
--- iso 8601
SELECT to_iso8601(timestamp '2024-02-29 12:00:00.5'), to_iso8601(date '2024-02-29'), to_iso8601(from_unixtime(0)), to_iso8601(timestamp '2024-02-29 12:00:00')
--- from_iso8601
SELECT from_iso8601_timestamp('2024-02-29T12:00:00Z'), from_iso8601_timestamp('2024-02-29T12:00:00.5Z'), from_iso8601_timestamp('2024-02-29T12:00Z'), from_iso8601_timestamp('2024-02-29'), from_iso8601_date('2024-02-29')
--- from_iso8601 with an offset
SELECT from_iso8601_timestamp('2024-02-29T12:00:00+01:00')
--- from_iso8601 with an offset compares
SELECT seq FROM audit_logs WHERE retention = 'long' AND timestamp < from_iso8601_timestamp('2023-07-10T02:00:00+02:00')
--- from_iso8601 in utc
SELECT from_iso8601_timestamp('2024-02-29T12:00:00+01:00') AT TIME ZONE 'UTC'
--- from_iso8601 that is none
SELECT from_iso8601_timestamp('2024-02-30T12:00:00Z')
--- from_iso8601 of a column
SELECT seq FROM audit_logs WHERE from_iso8601_timestamp(json_extract_scalar(details, '$.offset')) = timestamp '2024-02-29 12:00:00'
--- hours of a place
SELECT timestamp, hour(timestamp AT TIME ZONE 'Europe/Berlin'), hour(timestamp AT TIME ZONE 'America/New_York'), day(timestamp AT TIME ZONE 'Asia/Tokyo') FROM audit_logs WHERE retention <> 'standard'
--- summer time begins
SELECT hour(timestamp '2024-03-31 00:59:59' AT TIME ZONE 'Europe/Berlin'), hour(timestamp '2024-03-31 01:00:00' AT TIME ZONE 'Europe/Berlin')
--- summer time ends
SELECT hour(timestamp '2024-10-27 00:30:00' AT TIME ZONE 'Europe/Berlin'), hour(timestamp '2024-10-27 01:30:00' AT TIME ZONE 'Europe/Berlin')
--- days of a place
SELECT date_trunc('day', timestamp AT TIME ZONE 'America/New_York'), count(*) FROM audit_logs WHERE retention <> 'standard' GROUP BY 1
--- dates of a place
SELECT CAST(timestamp AT TIME ZONE 'America/New_York' AS date) AS d, count(*) FROM audit_logs WHERE retention <> 'standard' GROUP BY 1
--- text of a place
SELECT date_format(timestamp AT TIME ZONE 'Asia/Kolkata', '%Y-%m-%d %H:%i') FROM audit_logs WHERE retention = 'minimal'
--- an instant at a place
SELECT timestamp '2024-07-01 10:00:00' AT TIME ZONE 'Europe/Berlin'
--- an instant in utc
SELECT timestamp '2024-07-01 10:00:00' AT TIME ZONE 'UTC', at_timezone(from_unixtime(0), 'UTC')
--- a zone that is none
SELECT hour(timestamp '2024-07-01 10:00:00' AT TIME ZONE 'Mars/Olympus')
--- a zone as offset
SELECT hour(timestamp '2024-07-01 10:00:00' AT TIME ZONE '+05:30')
--- literals with a zone
SELECT timestamp '2024-07-01 10:00:00 UTC', timestamp '2024-07-01 10:00:00 UTC' = timestamp '2024-07-01 10:00:00'
--- literals with a place
SELECT count(*) FROM audit_logs WHERE timestamp < timestamp '2023-07-10 02:00:00 Europe/Berlin'
--- zones compare
SELECT timestamp '2024-07-01 12:00:00 Europe/Berlin' = timestamp '2024-07-01 10:00:00 UTC'
--- with_timezone
SELECT with_timezone(timestamp '2024-07-01 10:00:00', 'UTC')
--- timestamps compare
SELECT timestamp '2024-01-01 00:00:00' = timestamp '2024-01-01 00:00:00.000', timestamp '2024-01-01 00:00:00' = date '2024-01-01', timestamp '2024-01-01 00:00:00' < timestamp '2024-01-01 00:00:00.001'
--- between includes its ends
SELECT seq FROM audit_logs WHERE retention = 'long' AND timestamp BETWEEN timestamp '2023-07-10 00:00:00' AND timestamp '2023-07-10 00:00:00.001'
--- literals of all lengths
SELECT timestamp '2024-01-31 10:11:12.3', timestamp '2024-01-31 10:11:12', timestamp '2024-01-31 10:11', timestamp '2024-01-31'
--- a literal that is none
SELECT timestamp '2024-02-30 00:00:00'
--- a date literal that is none
SELECT date '2024-13-01'
--- years with other lengths
SELECT date '0099-01-01', date '9999-12-31', timestamp '9999-12-31 23:59:59.999', date '0001-01-01' - interval '1' day
--- time of day
--- refused: types
SELECT CAST(timestamp '2024-01-31 10:11:12.345' AS time(3)), time '10:11:12'
--- human readable
--- refused: functions
SELECT human_readable_seconds(3661e0), parse_duration('1h') > interval '59' minute
--- timezone fields
--- refused: functions
SELECT timezone_hour(timestamp '2024-07-01 10:00:00 Europe/Berlin'), timezone_minute(timestamp '2024-07-01 10:00:00 Asia/Kolkata')
--- the day of an event
SELECT count(*) FROM audit_logs WHERE CAST(date(timestamp) AS varchar) <> dt
--- partitions and timestamps
SELECT count(*) FROM audit_logs WHERE dt >= '2023-11-05' AND dt < '2024-01-01' AND timestamp >= timestamp '2023-11-05 06:00:00'
--- partitions in a list
SELECT dt, count(*) FROM audit_logs WHERE dt IN ('2024-02-29', '2024-03-01', '1999-01-01') AND retention IN ('standard', 'none') GROUP BY dt
--- partitions like
SELECT dt, count(*) FROM audit_logs WHERE dt LIKE '2024-%' GROUP BY dt
--- partitions of a computed day
SELECT count(*) FROM audit_logs WHERE dt = date_format(timestamp '2023-07-11 00:00:00', '%Y-%m-%d')
--- joda formats
SELECT format_datetime(timestamp, 'yyyy-MM-dd''T''HH:mm:ss'), format_datetime(timestamp, 'd.M.yy H:m:s'), format_datetime(timestamp, 'EEEE, MMMM dd'), format_datetime(timestamp, 'DDD hh:mm a') FROM audit_logs WHERE retention = 'minimal'
--- joda parsing
SELECT parse_datetime('2024-02-29 13:14:15', 'yyyy-MM-dd HH:mm:ss'), parse_datetime('29/02/2024', 'dd/MM/yyyy'), parse_datetime('Feb 29 2024', 'MMM dd yyyy'), parse_datetime('13:14', 'HH:mm')
--- joda parsing that fails
SELECT parse_datetime('2024-02-30', 'yyyy-MM-dd')
--- count_if of nothing
SELECT count_if(seq > 0), count(*) FILTER (WHERE seq > 0) FROM audit_logs WHERE seq < 0
--- years of five digits
SELECT date '9999-12-31' + interval '1' day, timestamp '9999-12-31 23:59:59.999' + interval '1' second, CAST(date '9999-12-31' + interval '1' day AS varchar), CAST(timestamp '9999-12-31 00:00:00' + interval '1' day AS varchar), date_add('year', 10000, date '2024-02-29'), year(date '9999-12-31' + interval '1' day)
--- years before the first
SELECT date '0001-01-01' - interval '1' day, timestamp '0001-01-01 00:00:00' - interval '1' day, date_add('year', -2, date '0001-03-01'), year(date '0001-01-01' - interval '1' day)
--- long years as iso text
SELECT to_iso8601(date '9999-12-31' + interval '1' day), to_iso8601(CAST(timestamp '9999-12-31 00:00:00' AS timestamp with time zone) + interval '1' day), CAST(CAST(timestamp '9999-12-31 00:00:00' AS timestamp with time zone) + interval '1' day AS varchar), to_iso8601(timestamp '9999-12-31 00:00:00' + interval '1' day), date_format(timestamp '9999-12-31 00:00:00' + interval '1' day, '%Y-%m-%d')
--- time of day compared
SELECT seq, CAST(timestamp AS time) >= time '08:00:00', CAST(timestamp AS time) BETWEEN time '08:00' AND time '18:00:00.000', CAST(CAST(timestamp AS time) AS varchar) FROM audit_logs WHERE retention <> 'standard'
--- time of day in another zone
SELECT seq, CAST(CAST(timestamp AT TIME ZONE 'America/New_York' AS time) AS varchar), CAST(timestamp AT TIME ZONE 'Asia/Kolkata' AS time) < time '12:00' FROM audit_logs WHERE retention <> 'standard'
--- time literals as text
SELECT CAST(time '8:5' AS varchar), CAST(time '08:00:00' AS varchar), CAST(time '08:00:00.1' AS varchar), CAST(time '23:59:59.999' AS varchar), typeof(time '08:00'), typeof(time '08:00:00.12'), typeof(CAST(timestamp '2024-01-01 00:00:00' AS time))
--- time literal of more digits
--- refused: types
SELECT CAST(time '08:00:00.123456' AS varchar)
--- time literal that is none
SELECT time '24:00:00' > time '00:00'
--- time literal with a zone
SELECT time '08:00:00 +01:00' > time '08:00:00 UTC'
--- time from text
SELECT CAST(CAST(x AS time) AS varchar) FROM (VALUES '08:00', '8:5:3', '23:59:59.999', '00:00:00.1') AS t(x)
--- time from text that is none
--- refused: types
SELECT TRY_CAST(x AS time) IS NULL FROM (VALUES '24:00', 'x', '08', '') AS t(x)
--- time from a wrong text
SELECT CAST('24:00' AS time) > time '00:00'
--- time from a text of more digits
--- refused: types
SELECT CAST(CAST('08:00:00.12345' AS time) AS varchar)
--- time grouped and ordered
SELECT CAST(t AS varchar), count(*) FROM (SELECT CAST(date_trunc('hour', timestamp) AS time) AS t FROM audit_logs WHERE seq < 50) GROUP BY t ORDER BY t
--- least and greatest time
SELECT CAST(min(CAST(timestamp AS time)) AS varchar), CAST(max(CAST(timestamp AS time)) AS varchar), count(DISTINCT CAST(timestamp AS time)) FROM audit_logs WHERE retention <> 'standard'
--- time and null
SELECT time '08:00' = CAST(NULL AS time), coalesce(CAST(NULL AS time), time '08:00') = time '08:00:00', CAST(time '08:00' AS time) = time '08:00'
--- time as an answer
--- refused: types
SELECT time '08:00:00', CAST(timestamp '2024-01-01 12:34:56.789' AS time)
--- time and interval
--- refused: types
SELECT CAST(time '08:00' + interval '1' hour AS varchar)
--- time and text
SELECT time '08:00' = '08:00'
--- time of a date
SELECT CAST(date '2024-01-01' AS time) = time '00:00'
--- fields of a time
--- refused: types
SELECT hour(time '08:09:10.123'), minute(time '08:09:10.123'), second(time '08:09:10.123'), millisecond(time '08:09:10.123'), extract(hour FROM time '08:09:10')
--- time to timestamp
--- refused: types
SELECT CAST(CAST(time '08:00' AS timestamp) AS time) = time '08:00'
--- differences compared
SELECT a - b > interval '1' hour, a - b = interval '90' minute, b - a < interval '0' second, a - b BETWEEN interval '1' hour AND interval '2' hour, a - a = interval '0' day FROM (VALUES (timestamp '2024-01-01 10:30:00.000', timestamp '2024-01-01 09:00:00.000')) AS t(a, b)
--- differences of columns
SELECT count(*) FROM audit_logs WHERE received_at - timestamp > interval '1' day
--- differences of other types
SELECT date '2024-03-01' - date '2024-02-28' = interval '2' day, timestamp '2024-03-01 12:00:00' - date '2024-02-28' > interval '2' day, timestamp '2024-03-01 00:00:00 Europe/Berlin' - timestamp '2024-03-01 00:00:00' = interval '-1' hour, from_unixtime(86400) - timestamp '1970-01-01 00:00:00' = interval '1' day
--- differences between rows
SELECT seq FROM (SELECT seq, timestamp - lag(timestamp) OVER (ORDER BY timestamp, seq) > interval '30' day AS gap FROM audit_logs WHERE retention <> 'standard') WHERE gap ORDER BY seq
--- differences added
SELECT timestamp '2024-01-01 00:00:00' + (timestamp '2024-03-01 12:00:00' - timestamp '2024-02-28 00:00:00'), timestamp '2024-01-01 00:00:00' + (date '2024-03-01' - date '2024-02-01')
--- difference added to a date
--- refused: intervals
SELECT date '2024-01-01' + (date '2024-03-01' - date '2024-02-01')
--- intervals added to a date
SELECT date '2024-01-01' + (interval '1' day + interval '1' hour)
--- intervals of both kinds compared
SELECT interval '1' month > interval '1' day
--- intervals compared
SELECT interval '36' hour > interval '1' day, interval '12' month = interval '1' year, interval '1' day = interval '24' hour
--- greatest difference
SELECT max(received_at - timestamp) > interval '1' day, min(received_at - timestamp) >= interval '0' second FROM audit_logs
--- differences as text
--- refused: intervals
SELECT CAST(timestamp '2024-01-02 00:00:00' - timestamp '2024-01-01 12:30:00' AS varchar)
--- differences between unknown rows
SELECT timestamp '2024-01-02 00:00:00' - NULL
--- interval of weeks
SELECT timestamp '2024-01-01 00:00:00' + interval '1' week
--- zones that there are not
SELECT timestamp '2024-01-01 00:00:00' AT TIME ZONE 'EST'
--- zones that there are not, of another name
SELECT timestamp '2024-01-01 00:00:00' AT TIME ZONE 'Etc/Zulu'
--- zones in other letters
SELECT timestamp '2024-01-01 00:00:00' AT TIME ZONE 'utc'
--- zones in other letters in literals
SELECT timestamp '2024-01-01 00:00:00 utc'
--- zones as short offsets
--- refused: text in an unclear form
SELECT CAST(timestamp '2024-01-01 00:00:00' AT TIME ZONE '+01' AS timestamp), CAST(timestamp '2024-01-01 00:00:00' AT TIME ZONE 'UTC+1' AS timestamp), CAST(timestamp '2024-01-01 00:00:00' AT TIME ZONE 'Z' AS timestamp)
--- offsets of zones over the years
SELECT t, CAST(t AT TIME ZONE 'America/New_York' AS timestamp), CAST(t AT TIME ZONE 'Europe/Berlin' AS timestamp), CAST(t AT TIME ZONE 'Asia/Kolkata' AS timestamp), CAST(t AT TIME ZONE 'Australia/Lord_Howe' AS timestamp), CAST(t AT TIME ZONE 'Africa/Casablanca' AS timestamp) FROM (VALUES timestamp '1880-01-01 00:00:00.000', timestamp '1905-06-01 12:00:00.000', timestamp '1916-07-01 00:00:00.000', timestamp '1943-01-01 00:00:00.000', timestamp '1945-06-01 00:00:00.000', timestamp '1967-05-01 00:00:00.000', timestamp '1978-09-01 00:00:00.000', timestamp '1985-11-01 00:00:00.000', timestamp '2019-05-15 00:00:00.000', timestamp '2024-03-10 06:59:59.999', timestamp '2024-03-10 07:00:00.000', timestamp '2024-04-06 14:59:59.999', timestamp '2024-04-06 15:00:00.000', timestamp '2024-10-05 15:30:00.000') AS t(t)
--- offsets of zones after 2037
SELECT t, CAST(t AT TIME ZONE 'America/New_York' AS timestamp), CAST(t AT TIME ZONE 'Europe/Berlin' AS timestamp), CAST(t AT TIME ZONE 'Asia/Kolkata' AS timestamp), CAST(t AT TIME ZONE 'Australia/Lord_Howe' AS timestamp), CAST(t AT TIME ZONE 'America/Sao_Paulo' AS timestamp) FROM (VALUES timestamp '2038-07-01 00:00:00.000', timestamp '2050-03-27 00:59:59.999', timestamp '2050-03-27 01:00:00.000', timestamp '2061-12-01 00:00:00.000', timestamp '2099-07-01 00:00:00.000', timestamp '2400-01-01 00:00:00.000', timestamp '9999-07-01 00:00:00.000') AS t(t)
--- short fields in literals
SELECT date '2024-2-3', date ' 2024-02-3 ', date '2024-2-03', timestamp '2024-2-3 10:11:12', timestamp '2024-2-3', timestamp '2024-2-3 1:1', timestamp '2024-2-3 1:2:3.5 Europe/Berlin', timestamp '2024-2-3 1:2:3 +01:00'
--- short fields that are too many
SELECT date '2024-002-03'
--- short fields of no day
SELECT date '2024-2-30'
--- short fields of no instant
SELECT timestamp '2024-2-30 10:11:12'
--- short fields before T
SELECT timestamp '2024-2-3T10:11:12'
--- short fields in conditions
SELECT count(*) FROM audit_logs WHERE timestamp < timestamp '2024-2-3 1:2:3' AND timestamp >= timestamp '2023-7-3' AND date(timestamp) > date '2023-7-3'
--- a date in a year of two digits
--- refused: text in an unclear form
SELECT date '24-2-3'
--- last day of the month in another zone
SELECT last_day_of_month(timestamp '2024-01-01 00:00:00.000' AT TIME ZONE 'America/Caracas'), last_day_of_month(timestamp '2024-02-01 00:00:00.000')
