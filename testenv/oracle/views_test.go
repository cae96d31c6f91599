package oracle

import (
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/saved"
)

// testViews: Trino takes the definitions of our views, also when they are there, and
// answers from them what the embedded engine answers, which has no views.
func testViews(t *testing.T, place Place, reference, embedded athena.Engine) {
	for range 2 {
		for _, v := range saved.Views() {
			sql := athena.ViewDDL(place.table(Schema), v)
			if a, err := Ask(t.Context(), reference, athena.Query{SQL: sql, Declare: true}); err != nil || a.Err != nil {
				t.Fatalf("%s: %v %v", v.Name, err, a.Err)
			}
		}
	}
	sqls := []string{
		`SELECT * FROM "audit_logs$partitions" ORDER BY dt, retention`,
		"SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'audit' ORDER BY 1",
		"SELECT table_name, column_name, ordinal_position, is_nullable, data_type FROM information_schema.columns WHERE table_schema = 'audit' ORDER BY 1, 3",
		"SELECT f.seq FROM failed_logins f JOIN audit_logs a ON f.seq = a.seq AND f.stream = a.stream ORDER BY f.seq",
	}
	for _, v := range saved.Views() {
		sqls = append(sqls, "SELECT * FROM "+v.Name+" ORDER BY timestamp_ns, stream, seq", "SELECT count(*), max(dt) FROM "+Schema+"."+v.Name+" WHERE dt > '2020-01-01'")
	}
	all := make([]Query, len(sqls))
	for i, sql := range sqls {
		all[i] = Query{Name: sql, SQL: sql}
	}
	for i, want := range askAll(t, reference, all) {
		if got, err := Ask(t.Context(), embedded, athena.Query{SQL: sqls[i]}); err != nil {
			t.Errorf("%s: %v", sqls[i], err)
		} else if d := Differ(sqls[i], want, got); d != "" {
			t.Errorf("%s: %s", sqls[i], d)
		}
	}
}
