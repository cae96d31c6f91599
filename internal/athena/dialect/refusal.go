package dialect

import "strings"

// refusal is why statements that begin with a word are not answered, and what to do
// instead.
type refusal struct {
	typ  string            // Athena's StatementType
	what map[string]string // by the second word that matters; "" for any other
}

func (r refusal) advice(sub string) string {
	for word, text := range r.what {
		if word != "" && strings.Contains(sub, word) {
			return text
		}
	}
	return r.what[""]
}

const (
	keepAnswer = "the archive is immutable and holds no tables but its own; keep the answer on your side: archiver query --format csv"
	keepQuery  = "the archive is immutable; write WITH name AS (SELECT …) in the query, or keep it as a named query (CreateNamedQuery in Athena's API)"
	neverEdit  = "the archive is immutable: an event stays as it was accepted until its retention ends; what was wrong is put right by another event"
	ownTables  = "the archive is immutable: table and views are its own, partitions come from the signed ledger, and nothing has to be added, repaired or dropped"
	ownRights  = "the archive is read-only for all; who may ask is decided by tokens and athena.keys in the configuration"
	noSession  = "each query stands for itself: write audit.audit_logs for the table; limits are set in the configuration (query)"
	noChange   = "each query sees one state of an archive that queries never change: there is nothing to commit"
	onlyInAPI  = "prepared statements are of Athena's API alone (docs/athena-api.md); send values for each ? as parameters"
)

// refusals are by the first word. Words that are no statement of Athena's or
// Trino's are not here: no parser knows them.
func refusals() map[string]refusal {
	ddl := func(text string) refusal { return refusal{TypeDDL, map[string]string{"": text}} }
	dml := func(text string) refusal { return refusal{TypeDML, map[string]string{"": text}} }
	return map[string]refusal{
		"CREATE": {TypeDDL, map[string]string{"": ownTables, "TABLE": keepAnswer, "VIEW": keepQuery}},
		"DROP":   ddl(ownTables), "ALTER": ddl(ownTables), "MSCK": ddl(ownTables), "COMMENT": ddl(ownTables), "ANALYZE": ddl(ownTables),
		"VACUUM": ddl(ownTables), "OPTIMIZE": ddl(ownTables), "REFRESH": ddl(ownTables), "CALL": ddl(ownTables),
		"INSERT": dml("the archive is immutable by SQL; events come in over POST /v1/events"),
		"UPDATE": dml(neverEdit), "DELETE": dml(neverEdit), "MERGE": dml(neverEdit), "TRUNCATE": dml(neverEdit),
		"UNLOAD": dml("no query writes to S3; keep the answer with archiver query --format csv, or evidence with archiver export"),
		"GRANT":  ddl(ownRights), "REVOKE": ddl(ownRights), "DENY": ddl(ownRights),
		"SET": ddl(noSession), "RESET": ddl(noSession), "USE": ddl(noSession),
		"START": ddl(noChange), "BEGIN": ddl(noChange), "COMMIT": ddl(noChange), "ROLLBACK": ddl(noChange),
		"PREPARE": ddl(onlyInAPI), "EXECUTE": ddl(onlyInAPI), "DEALLOCATE": ddl(onlyInAPI),
	}
}

// changing names a statement that is refused: for a message, and as Athena does.
func (c *cursor) changing(r refusal) (construct, sub string) {
	first := strings.ToUpper(c.peek().value)
	if r.typ == TypeDML || !c.ahead(1).is("TABLE", "VIEW", "DATABASE", "SCHEMA", "REPAIR", "OR", "EXTERNAL", "PROTECTED", "MATERIALIZED", "TEMP", "TEMPORARY", "TRANSACTION") {
		return first, first
	}
	n := 1
	for c.ahead(n).is("OR", "REPLACE", "EXTERNAL", "PROTECTED", "MULTI", "DIALECT", "MATERIALIZED", "TEMP", "TEMPORARY") {
		n++
	}
	second := strings.ToUpper(c.ahead(n).value)
	construct, sub = first+" "+second, first+"_"+second
	if sub != "CREATE_TABLE" {
		return construct, sub
	}
	for depth := 0; c.ahead(n).kind != tokenEnd; n++ {
		switch t := c.ahead(n); {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.is("AS") && depth == 0:
			return construct + " AS", sub + "_AS_SELECT"
		}
	}
	return construct, sub
}
