package oracle

import (
	"fmt"
	"maps"

	"github.com/audit-archiver/archiver/internal/athena/saved"
)

// packValues make the queries of the compliance pack find something in the archive.
var packValues = map[string]map[string]string{
	"user-activity":     {"actor": "alice"},
	"resource-changes":  {"type": "order", "id": "order-456"},
	"failed-logins":     {},
	"data-exports":      {},
	"sensitive-access":  {"type": "file"},
	"privilege-changes": {},
	"outside-hours":     {},
	"deletions":         {},
}

// packQueries are the compliance pack's, of the last year of the archive.
func packQueries() ([]Query, error) {
	var all []Query
	for _, q := range saved.All() {
		values, ok := packValues[q.Name]
		if !ok {
			return nil, fmt.Errorf("compliance pack: query %s has no values here", q.Name)
		}
		values = maps.Clone(values)
		values["hours"] = "8760"
		ask, err := q.Ask(values, Now)
		if err != nil {
			return nil, err
		}
		all = append(all, Query{Theme: "pack", Name: q.Name, SQL: ask.SQL, Params: ask.Params})
	}
	return all, nil
}
