--- parsed without a year
SELECT date_parse('03-15', '%m-%d'), date_parse('02-29', '%m-%d'), parse_datetime('Jan 05 10:00:00', 'MMM dd HH:mm:ss'), date_parse('31', '%d'), date_parse('060', '%j'), date_parse('366', '%j'), date_parse('Feb', '%b'), date_parse('29 10:11', '%d %H:%i'), parse_datetime('29 Feb', 'd MMM')
--- parsed without a day
SELECT date_parse('10:11:12', '%T'), date_parse('PM', '%p'), date_parse('5', '%f'), parse_datetime('10:11', 'HH:mm'), date_parse('2024', '%Y'), date_parse('-', '-'), parse_datetime('-', '-'), date_parse('2024-05', '%Y-%m')
--- hours of twelve without AM and PM
SELECT parse_datetime('2024-01-02 12:15:00', 'yyyy-MM-dd hh:mm:ss'), date_parse('12:30', '%h:%i'), date_parse('1:30', '%l:%i'), date_parse('11', '%I'), date_parse('12 am', '%h %p'), date_parse('12 pm', '%h %p'), date_parse('PM 1', '%p %l'), date_parse('01:02:03 PM', '%r')
--- hours of twelve that are none
SELECT x, try(date_parse(x, '%h')), try(parse_datetime(x, 'h')), try(date_parse(x, '%h %p')) FROM (VALUES '0', '13', '00', '012', '12', '1', '1 PM', '13 PM', '0 AM', '12AM', '1 P') t(x)
--- hours of the day with AM and PM
SELECT parse_datetime('10/10/2024 10:00:00 PM', 'MM/dd/yyyy HH:mm:ss a'), parse_datetime('10/10/2024 14:00:00 PM', 'MM/dd/yyyy HH:mm:ss a'), date_parse('14:00 AM', '%H:%i %p'), date_parse('AM 23', '%p %k'), date_parse('14 3', '%H %h'), date_parse('3 14', '%h %H'), date_parse('14 3 AM', '%H %h %p')
--- AM and PM in letters of all kinds
SELECT x, try(date_parse(x, '%h%p')), try(parse_datetime(x, 'ha')) FROM (VALUES '1AM', '1am', '1Am', '1aM', '1pm', '1Pm', '1PM', '1p', '1p.m.', '1NOON') t(x)
--- years of two digits
SELECT date_parse('01/02/69', '%m/%d/%y'), date_parse('01/02/70', '%m/%d/%y'), date_parse('00', '%y'), date_parse('99', '%y'), date_parse('240102', '%y%m%d')
--- years of two digits that are none
SELECT x, try(date_parse(x, '%y')), try(date_parse(x, '%y-%c-%e')) FROM (VALUES '5', '5-1-2', '2024', '2024-1-2', '-1', '+24', '24-1-2', '24-13-2', '024-1-2') t(x)
--- a year of two digits in Java's letters
--- refused: text in an unclear form
SELECT parse_datetime('02/09/24', 'dd/MM/yy')
--- fractions that are parsed
SELECT date_format(date_parse('2024-01-01 00:00:00.123456', '%Y-%m-%d %H:%i:%s.%f'), '%f'), date_parse('00:00:00.1234567', '%T.%f'), date_parse('00:00:00.123999999', '%T.%f'), date_parse('.9', '.%f'), date_parse('.09', '.%f'), date_parse('.0009', '.%f'), parse_datetime('5', 'SSS'), parse_datetime('05', 'SSS'), parse_datetime('999', 'SSS')
--- fractions that are none
SELECT x, try(date_parse(x, '%s.%f')), try(parse_datetime(x, 's.SSS')) FROM (VALUES '1.', '1.1', '1.1234', '1.1234567890', '1.123456789', '1', '1.-1', '1. 1', '60.1', '59.999', '001.1') t(x)
--- texts beside a format
SELECT x, try(date_parse(x, '%Y-%m-%d')), try(date_parse(x, '%Y-%m-%d %H:%i')), try(parse_datetime(x, 'yyyy-MM-dd')) FROM (VALUES ' 2024-01-01', '2024-01-01 ', '2024-01-01', '2024-01-01    10:00', '2024-01-01 10:00', '2024-01-01T10:00', 'epoch', 'infinity', '-infinity', '', '2024-1-1', '2024-001-01', '2024-13-01', '2024-00-01', '2024-01-00', '2024-01-32', '2023-02-29', '2024-02-29', '0999-01-01', '999-1-1', '2024/01/01', '２０２４-01-01', '2024-01-01 24:00', '2024-01-01 23:60', '2024-01-01 9:5') t(x)
--- signs before years
SELECT x, try(date_parse(x, '%Y')), try(parse_datetime(x, 'yyyy')) FROM (VALUES '+2024', '+', '-', '--1', '+-1', '2024', '7') t(x)
--- signs before years and months
SELECT parse_datetime('202401', 'yyyyMM'), parse_datetime('+202401', 'yyyyMM'), try(parse_datetime('2024', 'yyyyMM')), try(parse_datetime('20241', 'yyyyM'))
--- years that are refused
--- refused: text in an unclear form
SELECT date_parse('-1', '%Y')
--- years of five digits that are parsed
--- refused: text in an unclear form
SELECT parse_datetime('12024-01-01', 'yyyy-MM-dd')
--- year zero that is parsed
--- refused: text in an unclear form
SELECT date_parse('0000-01-01', '%Y-%m-%d')
--- years that no date has
SELECT try(parse_datetime('999999999', 'yyyy')), try(parse_datetime('1000000000', 'yyyy'))
--- days of the year
SELECT x, try(date_parse(x, '%Y-%j')), try(parse_datetime(x, 'yyyy-DDD')) FROM (VALUES '2023-366', '2024-366', '2023-365', '2023-0', '2023-1', '2023-060', '2024-060', '2024-0060', '2024-367') t(x)
--- days of the year beside months
SELECT try(date_parse('2024 3 31 060', '%Y %m %d %j')), date_parse('2024 3 28 060', '%Y %m %d %j'), date_parse('060 2024 15', '%j %Y %d'), date_parse('2023 12 060', '%Y %m %j'), try(date_parse('2023 30 060', '%Y %d %j'))
--- fields that are there twice
SELECT date_parse('2023 2024 02-29', '%Y %Y %m-%d'), date_parse('1 2', '%m %m'), date_parse('24 1999', '%y %Y'), date_parse('1999 24', '%Y %y'), date_parse('1 2', '%d %e'), date_parse('1 2', '%H %k'), date_parse('AMPM', '%p%p'), date_parse('Jan 2', '%b %m'), try(date_parse('31 2 1', '%d %m %d')), try(date_parse('31 30', '%m %d'))
--- fields in any order
SELECT date_parse('12 11 10 29 2 2024', '%s %i %H %d %m %Y'), parse_datetime('PM 29 03 Feb 2024', 'a dd hh MMM yyyy')
--- fields without anything between them
SELECT date_parse('20240229101112123', '%Y%m%d%H%i%s%f'), parse_datetime('20240229101112123', 'yyyyMMddHHmmssSSS'), try(date_parse('2024229', '%Y%c%e')), try(date_parse('202411', '%Y%c%e')), try(parse_datetime('2024229', 'yyyyMdd'))
--- names of months
SELECT x, try(date_parse(x, '%b %e %Y')), try(date_parse(x, '%M %e %Y')), try(parse_datetime(x, 'MMM d yyyy')), try(parse_datetime(x, 'MMMM d yyyy')) FROM (VALUES 'February 3 2024', 'Feb 3 2024', 'FEB 3 2024', 'feb 3 2024', 'fEB 3 2024', 'FEBRUARY 3 2024', 'february 3 2024', 'FebruarY 3 2024', 'Febr 3 2024', 'Sept 3 2024', 'Sep 3 2024', '2 3 2024', '02 3 2024', 'May 3 2024', 'MAY 3 2024', ' 3 2024', 'Février 3 2024') t(x)
--- all names of months
SELECT m, date_parse(date_format(x, '%b'), '%M'), date_parse(date_format(x, '%M'), '%b'), parse_datetime(upper(format_datetime(x, 'MMMM')), 'MMM') FROM (SELECT m, date_add('month', m, timestamp '2024-01-01 00:00:00.000') AS x FROM UNNEST(sequence(0, 11)) u(m))
--- names of months before letters
SELECT date_parse('Marchx', '%bx'), date_parse('Marx', '%Mx'), try(date_parse('March', '%bch')), date_parse('MayMay', '%b%M')
--- names of weekdays that are parsed
SELECT date_parse('Mon 2024-01-02', '%a %Y-%m-%d'), date_parse('Sunday 2024-12-31', '%W %Y-%m-%d'), parse_datetime('Tue, 2 Jan 2024 10:00:00', 'EEE, d MMM yyyy HH:mm:ss'), parse_datetime('TUESDAY', 'EEEE'), date_parse('Mon', '%a'), date_parse('2023 Mon', '%Y %a'), date_parse('2024-12 Mon', '%Y-%m %a'), date_parse('2023-060 sun', '%Y-%j %a'), date_parse('Mon 10:00', '%a %H:%i'), date_parse('Mon Sun', '%a %a')
--- names of weekdays of all kinds
SELECT x, try(date_parse(x, '%a')), try(date_parse(x, '%W')), try(parse_datetime(x, 'E')) FROM (VALUES 'Mon', 'MON', 'mon', 'mOn', 'Monday', 'MONDAY', 'Tuesday', 'Tues', 'Thurs', 'Wed', '1', 'M', '') t(x)
--- a day that its month has not
SELECT date_parse('2024 3 31 060', '%Y %m %d %j')
--- weeks that are parsed
--- refused: text in an unclear form
SELECT date_parse('2024-09', '%x-%v')
--- letters of a format in upper and lower case
SELECT date_parse('2024T01', '%Yt%m'), date_parse('2024t01', '%YT%m'), parse_datetime('2024 UTC', 'yyyy ''utc'''), date_parse('2024É', '%Yé'), date_parse('2024ſ', '%Ys'), date_parse('2024ı', '%YI'), try(date_parse('2024ß', '%Yẞ')), try(date_parse('2024ss', '%Yß')), date_parse('2024😀', '%Y😀'), try(date_parse('2024𐐨', '%Y𐐀'))
--- percent signs and quotes in formats
SELECT date_parse('100%2024', '100%%%Y'), parse_datetime('5%2024', '5%yyyy'), parse_datetime('it''s 2024', '''it''''s'' yyyy'), parse_datetime('''2024', '''''yyyy'), date_parse('''2024', '''%Y')
--- quotes within quotes
SELECT format_datetime(timestamp '2024-01-02 10:11:12.000', 'hh ''o''''clock'' a'), format_datetime(timestamp '2024-01-02 10:11:12.000', ''''''), format_datetime(timestamp '2024-01-02 10:11:12.000', ''''''''''), format_datetime(timestamp '2024-01-02 10:11:12.000', 'yyyy''''''a''''b'''), format_datetime(timestamp '2024-01-02 10:11:12.000', '''''''''M''''')
--- quotes that are not closed
SELECT format_datetime(timestamp '2024-01-02 10:11:12.000', 'yyyy ''abc'), format_datetime(timestamp '2024-01-02 10:11:12.000', 'yyyy'''), parse_datetime('2024x', 'yyyy''x'), format_datetime(timestamp '2024-01-02 10:11:12.000', '100% ''%Y''')
--- an empty format
SELECT date_parse('', '')
--- an empty format in Java's letters
SELECT parse_datetime('', '')
--- an empty format of a time
SELECT date_format(timestamp '2024-01-02 10:11:12.000', '')
--- an empty format of a time in Java's letters
SELECT format_datetime(timestamp '2024-01-02 10:11:12.000', '')
--- a format of one quote
SELECT format_datetime(timestamp '2024-01-02 10:11:12.000', '''')
--- a weekday in a format of a day
SELECT date_parse('03-15', '%a')
--- times of events that were written and are parsed
SELECT count(*), count_if(date_parse(date_format(timestamp, '%Y-%m-%d %H:%i:%s.%f'), '%Y-%m-%d %T.%f') = timestamp), count_if(parse_datetime(format_datetime(timestamp, 'EEE, d MMMM yyyy h:mm:ss.SSS a'), 'EEEE, dd MMM yyyy hh:mm:ss.SSS a') = timestamp), count_if(date_parse(date_format(timestamp, '%y%j%k'), '%y%j%H') = date_trunc('hour', timestamp)) FROM audit_logs
--- a parsed time bounds events
SELECT count(*) FROM audit_logs WHERE timestamp >= date_parse('07/10/23', '%m/%d/%y') AND timestamp < parse_datetime('11 Jul 2023', 'd MMM yyyy')
--- parsed of NULL
SELECT date_parse(CAST(NULL AS varchar), '%Y'), parse_datetime(CAST(NULL AS varchar), 'yyyy')
--- parsed where it is not reached
SELECT if(seq < 0, date_parse('x', '%Y')), coalesce(date_parse('2024', '%Y'), date_parse('x', '%Y')) FROM audit_logs WHERE seq = 0
