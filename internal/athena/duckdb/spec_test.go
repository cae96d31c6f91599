//go:build cgo

package duckdb

import (
	"strings"
	"testing"
)

// TestSpecificationQueries runs the four queries of the specification in Athena's spelling.
func TestSpecificationQueries(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	for name, tt := range map[string]struct {
		sql  string
		seqs []string
	}{
		"recent activity of a user": {
			"SELECT * FROM audit_logs WHERE actor_id = 'user-123' ORDER BY timestamp DESC LIMIT 50",
			[]string{"0", "1"},
		},
		"changes to a resource": {
			"SELECT * FROM audit_logs WHERE resource_type = 'order' AND resource_id = 'order-456' ORDER BY timestamp",
			[]string{"3", "6"},
		},
		"failed logins of the last hour": {
			"SELECT * FROM audit_logs WHERE action = 'user.login' AND outcome = 'failure' AND timestamp > now() - interval '1' hour",
			[]string{"0"},
		},
		"exports of 2024": {
			"SELECT * FROM audit_logs WHERE action LIKE '%.export%' AND timestamp BETWEEN timestamp '2024-01-01' AND timestamp '2024-12-31'",
			[]string{"3", "5"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cols, rows, err := answer(t, e, tt.sql)
			if err != nil {
				t.Fatal(err)
			}
			if len(cols) != 22 {
				t.Errorf("%d columns, want 22", len(cols))
			}
			var seqs []string
			for _, r := range rows {
				seqs = append(seqs, strings.Split(r, ",")[len(strings.Split(r, ","))-3])
			}
			if name == "exports of 2024" {
				if len(seqs) != 2 {
					t.Errorf("rows %v, want 3 and 5 in any order", rows)
				}
				return
			}
			if strings.Join(seqs, " ") != strings.Join(tt.seqs, " ") {
				t.Errorf("seqs %v, want %v", seqs, tt.seqs)
			}
		})
	}
}
