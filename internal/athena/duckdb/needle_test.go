//go:build cgo

package duckdb

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/testenv/gen"
)

// needleRows are a file with an index, three small ones, and what is alike but not the same.
func needleRows() []event.Row {
	start := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	rows := gen.New(1, start, 1_000).Rows(20_000, testStream, 0)
	for day := range 3 {
		rows = append(rows, gen.New(uint64(2+day), start.AddDate(0, 0, 1+day), 10).Rows(200, testStream, int64(len(rows)))...)
	}
	for i, id := range []string{"Needle", "needle", "needle ", "nëedle", "", "O'Needle"} {
		for k := range 3 {
			r := &rows[1000*i+7*k]
			r.ActorID, r.ResourceID = id, event.Str(id)
		}
	}
	rows[17].ResourceID = event.Text{}
	return rows
}

// TestPickedRowsAreTheAnswer: a query is answered alike whether its rows are picked out of committed files or the same
// files are read whole. It says which conditions may pick: the others would change the answer, or find too much.
func TestPickedRowsAreTheAnswer(t *testing.T) {
	rows := needleRows()
	hot := encode(t, rows)
	files, _, cache, dir := committed(t, hot)
	whole := engineOver(t, hot, nil)
	picking := engineOver(t, files, func(o *Options) { o.Cache, o.Roots = cache, []string{dir} })
	some := &rows[12_345]
	actor, request := "'"+some.ActorID+"'", "'"+some.RequestID.S+"'"
	for _, tt := range []struct {
		where string
		picks bool
	}{
		{"actor_id = 'needle'", true},
		{"'needle' = actor_id", true},
		{"ACTOR_ID = 'needle' AND outcome = 'success'", true},
		{`"Actor_Id" = 'Needle'`, true},
		{"actor_id = 'needle '", true},
		{"actor_id = 'nëedle'", true},
		{"actor_id = ''", true},
		{"actor_id = 'O''Needle'", true},
		{"actor_id = 'nobody'", true},
		{"actor_id IN ('needle', 'Needle', 'nobody')", true},
		{"actor_id = 'needle' AND actor_id = 'Needle'", true},
		{"resource_id = 'needle' AND actor_id = 'needle'", true},
		{"resource_id = ''", true},
		{"request_id = " + request, true},
		{"id = '" + some.ID + "'", true},
		{"id = '" + strings.ToUpper(some.ID) + "'", true},
		{"audit_logs.request_id = " + request, true},
		{"request_id = " + request + " AND dt = '2026-11-20'", true},
		{"request_id = " + request + " AND timestamp > timestamp '2027-01-01 00:00:00'", false}, // no file is left
		{"actor_id = 'needle' AND timestamp < timestamp '2026-11-20 00:00:04'", true},
		{"actor_id = " + actor + " AND request_id = " + request, true},

		{"actor_id = 'needle' OR outcome = 'failure'", false},
		{"NOT actor_id = 'needle'", false},
		{"actor_id <> 'needle'", false},
		{"actor_id > 'z'", false},
		{"actor_id LIKE 'needle'", false},
		{"lower(actor_id) = 'needle'", false},
		{"actor_id = CAST('needle' AS varchar)", false},
		{"actor_id = resource_id", false},
		{"actor_id = concat('need', 'le')", false},
		{"actor_id NOT IN ('needle')", false},
		{"actor_id IN (SELECT resource_id FROM audit_logs WHERE seq = 1000)", false},
		{"resource_id IS NULL", false},
		{"outcome = 'success'", false}, // too many
		{"outcome = 'failure'", true},
		{"action = 'session.login' AND outcome = 'failure'", true},
		{"action = 'session.login' AND outcome = 'failure' AND timestamp >= timestamp '2026-11-20 00:00:03' AND timestamp < timestamp '2026-11-20 00:00:09.5'", true},
		{"outcome IN ('failure', 'nothing') AND timestamp BETWEEN timestamp '2026-11-20 00:00:19.999' AND timestamp '2026-11-21 00:00:01'", true},
		{"outcome = 'success' AND timestamp = timestamp '2026-11-20 00:00:04.100'", true},
		{"action = 'nothing.happened'", true},
		{"actor_type = 'system' AND timestamp > timestamp '2026-11-20 00:00:15'", true},
		{"ip = '" + some.IP.S + "' AND actor_id = " + actor, true},
		{"organization_id = '" + some.OrganizationID.S + "' AND resource_type = 'document'", true},
		{"actor_id = 'usr_2em8044mze87p' AND outcome = 'failure'", true},
	} {
		check(t, whole, picking, "SELECT * FROM audit_logs WHERE "+tt.where+" ORDER BY seq", tt.picks)
	}
	for sql, picks := range map[string]bool{
		"SELECT count(*), min(actor_id) FROM audit_logs WHERE outcome = 'failure' AND actor_type = 'user'":                                false, // two columns
		"SELECT * FROM failed_logins ORDER BY seq":                                                                                        true,
		"SELECT * FROM failed_logins WHERE timestamp < timestamp '2026-11-20 00:00:09' ORDER BY seq":                                      true,
		"SELECT * FROM failed_logins WHERE actor_id = 'needle' ORDER BY seq":                                                              true,
		"SELECT l.seq FROM failed_logins l JOIN audit_logs a ON a.seq = l.seq WHERE l.seq > 10 AND a.actor_id = 'needle' ORDER BY 1":      true,
		"SELECT count(*) FROM failed_logins":                                                                                              false,
		"SELECT count(*), count(resource_id) FROM audit_logs WHERE actor_id = 'needle'":                                                   true,
		"SELECT a.seq FROM audit_logs a WHERE a.actor_id = 'needle' ORDER BY 1":                                                           true,
		"SELECT seq FROM (SELECT * FROM audit_logs WHERE actor_id = 'needle') WHERE outcome = 'success' ORDER BY 1":                       true,
		"SELECT x FROM audit_logs AS t(actor_id, b, c, x, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w) WHERE x = 'needle'":       false,
		"SELECT actor_id AS request_id FROM audit_logs WHERE request_id = 'needle'":                                                       true,
		"SELECT a.seq, b.seq FROM audit_logs a JOIN audit_logs b ON a.actor_id = b.resource_id WHERE a.actor_id = 'needle' ORDER BY 1, 2": true,
		"SELECT seq FROM audit_logs a WHERE EXISTS (SELECT 1 FROM audit_logs b WHERE b.actor_id = 'Needle' AND b.seq = a.seq) ORDER BY 1": true,
		"SELECT actor_id, count(*) FROM audit_logs WHERE actor_id = 'needle' GROUP BY 1 HAVING count(*) > 1":                              true,
		"SELECT count(*) FROM audit_logs GROUP BY actor_id HAVING actor_id = 'needle'":                                                    false,
		"SELECT seq, rank() OVER (ORDER BY seq) FROM audit_logs WHERE actor_id = 'needle' ORDER BY 1":                                     true,
		"SELECT seq FROM audit_logs WHERE actor_id = 'needle' UNION ALL SELECT seq FROM audit_logs WHERE actor_id = 'Needle' ORDER BY 1":  true,
		"WITH audit_logs AS (SELECT 'needle' AS actor_id) SELECT count(*) FROM audit_logs WHERE actor_id = 'nobody'":                      false,
		"SELECT retention, dt, stream, \"timestamp\", received_at, timestamp_ns FROM audit_logs WHERE actor_id = 'needle' ORDER BY seq":   true,
	} {
		check(t, whole, picking, sql, picks)
	}
	left, err := filepath.Glob(filepath.Join(picking.picked, "picked-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%d files are left of picked rows, %v", len(left), err)
	}
}

// check compares two engines, and demands that the second picks rows, or does not.
func check(t *testing.T, whole, picking *Engine, sql string, picks bool) {
	t.Helper()
	wantCols, want, err := answer(t, whole, sql)
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return
	}
	r, err := picking.Query(t.Context(), athena.Query{SQL: sql})
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return
	}
	if got := r.Meta().Stats.RowGroupsTotal > 0; got != picks {
		t.Errorf("%s: rows are picked: %t, want %t", sql, got, picks)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	cols, got, err := answer(t, picking, sql)
	if err != nil || !slices.Equal(cols, wantCols) || !slices.Equal(got, want) {
		t.Errorf("%s:\n got %d rows %.300v, %v\nwant %d rows %.300v", sql, len(got), got, err, len(want), want)
	}
}

func TestExplainTellsWhatWasPicked(t *testing.T) {
	files, _, cache, dir := committed(t, encode(t, needleRows()))
	e := engineOver(t, files, func(o *Options) { o.Cache, o.Roots = cache, []string{dir} })
	_, lines, err := answerTo(t, e, athena.Query{SQL: "SELECT * FROM audit_logs WHERE actor_id IN ('needle', 'x')", Explain: true})
	if err != nil {
		t.Fatal(err)
	}
	const want = "3 rows with actor_id in ('needle', 'x') picked out of 4 files, of which 1 were opened: 1 of 4 row groups, "
	if text := strings.Join(lines, "\n"); !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}
