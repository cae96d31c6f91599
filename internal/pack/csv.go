package pack

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// maxMS is the last millisecond of the year 9999.
const maxMS = 253402300799999

// CSVHeader is the first line of rows.csv.
func CSVHeader() []byte {
	var names []string
	for _, c := range parquet.Schema() {
		names = append(names, c.Name)
	}
	return []byte(strings.Join(names, ",") + "\r\n")
}

// AppendCSV appends the line of rows.csv that a row becomes. NULL is an empty
// cell, the empty string is "". Text that a spreadsheet would run as a formula has
// an apostrophe before it: the CSV is for people, and the Parquet beside it is
// what is compared with the ledger.
func AppendCSV(dst []byte, r *event.Row) ([]byte, error) {
	if r.ReceivedAtMS < 0 || r.ReceivedAtMS > maxMS {
		return nil, fmt.Errorf("received_at %d ms is no date of four digits", r.ReceivedAtMS)
	}
	dst = cell(dst, r.ID)
	dst = append(instant(append(dst, ','), r.TimestampMS()), ',')
	dst = append(cell(dst, r.Action), ',')
	dst = append(cell(dst, r.ActorID), ',')
	dst = append(cell(dst, r.ActorType), ',')
	dst = append(textCell(dst, r.ActorEmail), ',')
	dst = append(cell(dst, r.ResourceType), ',')
	dst = append(textCell(dst, r.ResourceID), ',')
	dst = append(cell(dst, r.Outcome), ',')
	for _, t := range []event.Text{r.Reason, r.Details, r.RequestID, r.IP, r.UserAgent, r.OrganizationID} {
		dst = append(textCell(dst, t), ',')
	}
	dst = append(instant(dst, r.ReceivedAtMS), ',')
	dst = append(cell(dst, r.Producer), ',')
	dst = append(strconv.AppendInt(dst, r.TimestampNS, 10), ',')
	dst = append(append(dst, r.Stream.String()...), ',')
	dst = append(strconv.AppendInt(dst, r.Seq, 10), ',')
	dst = append(cell(dst, r.Retention), ',')
	return append(append(dst, r.Day()...), "\r\n"...), nil
}

func instant(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

func textCell(dst []byte, t event.Text) []byte {
	if !t.Valid {
		return dst
	}
	return cell(dst, t.S)
}

func cell(dst []byte, s string) []byte {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		s = "'" + s
	}
	if s != "" && !strings.ContainsAny(s, ",\"\r\n") && s[0] != ' ' && s[len(s)-1] != ' ' {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}
