package postgres

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

// column is one of audit_logs.
type column struct{ name, sqlType string }

// columns are in the order in which rows are written and read.
func columns() []column {
	const id, instant = "character varying(255)", "timestamp with time zone"
	return []column{
		{"id", id}, {"timestamp", instant}, {"action", "character varying(100)"}, {"actor_id", id}, {"actor_type", "character varying(50)"},
		{"actor_email", id}, {"resource_type", "character varying(100)"}, {"resource_id", id}, {"outcome", "character varying(20)"},
		{"reason", "text"}, {"details", "json"}, {"request_id", id}, {"ip", "inet"}, {"user_agent", "text"}, {"organization_id", id},
		{"received_at", instant}, {"producer", id}, {"timestamp_ns", "bigint"}, {"stream", "uuid"}, {"seq", "bigint"},
		{"retention", "character varying(32)"}, {"ip_text", "text"},
	}
}

// columnCount is how many there are.
const columnCount = 22

// columnNames separates names by commas, as COPY and SELECT want them.
func columnNames() string {
	var names []string
	for _, c := range columns() {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// The binary format of COPY: header, rows, trailer. PostgreSQL documentation, COPY, "Binary Format".
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
)

// epochMicros is 2000-01-01 UTC, where PostgreSQL counts from, in Unix microseconds.
const epochMicros = 946_684_800_000_000

// appendRow appends r as one row of binary COPY.
func appendRow(dst []byte, r *event.Row) []byte {
	dst = binary.BigEndian.AppendUint16(dst, columnCount)
	dst = appendString(dst, r.ID)
	dst = appendMillis(dst, r.TimestampMS())
	dst = appendString(dst, r.Action)
	dst = appendString(dst, r.ActorID)
	dst = appendString(dst, r.ActorType)
	dst = appendText(dst, r.ActorEmail)
	dst = appendString(dst, r.ResourceType)
	dst = appendText(dst, r.ResourceID)
	dst = appendString(dst, r.Outcome)
	dst = appendText(dst, r.Reason)
	dst = appendText(dst, r.Details)
	dst = appendText(dst, r.RequestID)
	dst = appendInet(dst, r.IP)
	dst = appendText(dst, r.UserAgent)
	dst = appendText(dst, r.OrganizationID)
	dst = appendMillis(dst, r.ReceivedAtMS)
	dst = appendString(dst, r.Producer)
	dst = appendInt64(dst, r.TimestampNS)
	dst = appendString(dst, string(r.Stream[:]))
	dst = appendInt64(dst, r.Seq)
	dst = appendString(dst, r.Retention)
	return appendText(dst, r.IP)
}

func appendString(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

func appendText(dst []byte, t event.Text) []byte {
	if !t.Valid {
		return append(dst, 0xff, 0xff, 0xff, 0xff) // NULL
	}
	return appendString(dst, t.S)
}

func appendInt64(dst []byte, n int64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, 8)
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

// appendMillis appends a timestamp. Years that fit nanoseconds fit PostgreSQL.
func appendMillis(dst []byte, ms int64) []byte { return appendInt64(dst, ms*1000-epochMicros) }

// appendInet appends an address without a network. The families are PostgreSQL's
// own: AF_INET of every system is 2, and 3 stands for IPv6.
func appendInet(dst []byte, t event.Text) []byte {
	addr, ok := inet(t)
	if !ok {
		return appendText(dst, event.Text{})
	}
	family := byte(3)
	if addr.Is4() {
		family = 2
	}
	raw := addr.AsSlice()
	return appendString(dst, string(append([]byte{family, byte(addr.BitLen()), 0, byte(len(raw))}, raw...)))
}

// inet is the value of column ip: none when the text is NULL, or no address that
// PostgreSQL knows. The text as it was sent is in ip_text.
func inet(t event.Text) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(t.S)
	if !t.Valid || err != nil {
		return netip.Addr{}, false
	}
	return addr.WithZone(""), true
}

// decodeRow reads a row as PostgreSQL sends it in text, in the order of columns. It
// takes anything, because somebody may have changed the row or the table. What
// cannot be in a row that we wrote, and does not show in the row's hash, is an error.
func decodeRow(values [][]byte) (event.Row, error) {
	var r event.Row
	if len(values) != columnCount {
		return r, fmt.Errorf("%d columns, want %d", len(values), columnCount)
	}
	d := rowDecoder{values: values}
	r.ID = d.text().S
	timestamp := d.text()
	r.Action = d.string("action")
	r.ActorID = d.string("actor_id")
	r.ActorType = d.string("actor_type")
	r.ActorEmail = d.text()
	r.ResourceType = d.string("resource_type")
	r.ResourceID = d.text()
	r.Outcome = d.string("outcome")
	r.Reason = d.text()
	r.Details = d.text()
	r.RequestID = d.text()
	ip := d.text()
	r.UserAgent = d.text()
	r.OrganizationID = d.text()
	r.ReceivedAtMS = d.millis("received_at", d.text())
	r.Producer = d.string("producer")
	r.TimestampNS = d.int64("timestamp_ns")
	stream, err := uuid.Parse(d.text().S)
	if err != nil {
		return r, fmt.Errorf("stream: %w", err)
	}
	r.Stream = stream
	r.Seq = d.int64("seq")
	r.Retention = d.string("retention")
	r.IP = d.text()
	if ms := d.millis("timestamp", timestamp); ms != r.TimestampMS() {
		d.complain("timestamp is not timestamp_ns rounded down to milliseconds")
	}
	d.checkInet(ip, r.IP)
	return r, d.err
}

// rowDecoder takes values one after another and keeps the first complaint.
type rowDecoder struct {
	values [][]byte
	err    error
}

func (d *rowDecoder) complain(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *rowDecoder) text() event.Text {
	v := d.values[0]
	d.values = d.values[1:]
	return event.Text{S: string(v), Valid: v != nil}
}

// string is a column that is never NULL.
func (d *rowDecoder) string(column string) string {
	t := d.text()
	if !t.Valid {
		d.complain("%s is NULL", column)
	}
	return t.S
}

func (d *rowDecoder) int64(column string) int64 {
	n, err := strconv.ParseInt(d.text().S, 10, 64)
	if err != nil {
		d.complain("%s is no number", column)
	}
	return n
}

// millis reads a timestamp in the ISO style of a session in UTC.
func (d *rowDecoder) millis(column string, t event.Text) int64 {
	at, err := time.Parse("2006-01-02 15:04:05-07", t.S)
	switch {
	case err != nil: // NULL, infinity, before the year 1
		d.complain("%s is no instant that we wrote", column)
	case at.Nanosecond()%1_000_000 != 0:
		d.complain("%s is finer than milliseconds", column)
	}
	return at.UnixMilli()
}

// checkInet demands that ip is the address that ip_text spells.
func (d *rowDecoder) checkInet(ip, sent event.Text) {
	want, ok := inet(sent)
	if !ok {
		if ip.Valid {
			d.complain("ip is set and ip_text is no address")
		}
		return
	}
	got, err := netip.ParseAddr(ip.S) // a network, with its slash, is none
	if !ip.Valid || err != nil || got != want {
		d.complain("ip is not the address that ip_text spells")
	}
}
