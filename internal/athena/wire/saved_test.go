package wire

import (
	"reflect"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

const shippedID = "6f1c8a52-3a0e-4b5c-9a67-0d0f5c1f2a3b"

func TestNamedQueries(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Named = []NamedQuery{{ID: shippedID, Name: "failed-logins", Description: "d", SQL: "SELECT 1"}}
	})
	in := object{"Name": "mine", "Database": "audit", "QueryString": "SELECT 2", "ClientRequestToken": strings.Repeat("x", 32)}
	w.refused("AccessDeniedException", ann, "CreateNamedQuery", in)
	id := w.call(root, "CreateNamedQuery", in)["NamedQueryId"]
	if again := w.call(root, "CreateNamedQuery", in)["NamedQueryId"]; again != id {
		t.Errorf("%v, then %v", id, again)
	}
	w.call(root, "UpdateNamedQuery", object{"NamedQueryId": id, "Name": "ours", "QueryString": "SELECT 3"})
	w.refused("InvalidRequestException", root, "DeleteNamedQuery", object{"NamedQueryId": shippedID})
	w.reopen()
	doc := w.call(ann, "ListNamedQueries", object{"MaxResults": 1})
	if !reflect.DeepEqual(doc["NamedQueryIds"], []any{shippedID}) || doc["NextToken"] == nil {
		t.Errorf("%v", doc)
	}
	if doc = w.call(ann, "ListNamedQueries", object{"NextToken": doc["NextToken"]}); !reflect.DeepEqual(doc["NamedQueryIds"], []any{id}) {
		t.Errorf("%v", doc)
	}
	q := w.call(ann, "GetNamedQuery", object{"NamedQueryId": id})["NamedQuery"].(map[string]any)
	if q["Name"] != "ours" || q["QueryString"] != "SELECT 3" || q["Database"] != "audit" {
		t.Errorf("%v", q)
	}
	w.call(root, "DeleteNamedQuery", object{"NamedQueryId": id})
	doc = w.call(ann, "BatchGetNamedQuery", object{"NamedQueryIds": []any{shippedID, id}})
	if len(doc["NamedQueries"].([]any)) != 1 || len(doc["UnprocessedNamedQueryIds"].([]any)) != 1 {
		t.Errorf("%v", doc)
	}
}

func TestPreparedStatements(t *testing.T) {
	w := newWorld(t, nil)
	const sql = "SELECT * FROM audit_logs WHERE actor_id = ? AND seq > ?"
	in := object{"StatementName": "by_actor", "WorkGroup": "primary", "QueryStatement": sql}
	w.refused("AccessDeniedException", ann, "CreatePreparedStatement", in)
	w.refused("InvalidRequestException", root, "CreatePreparedStatement", object{"StatementName": "a b", "QueryStatement": sql})
	w.refused("ResourceNotFoundException", root, "UpdatePreparedStatement", in)
	w.call(root, "CreatePreparedStatement", in)
	w.refused("InvalidRequestException", root, "CreatePreparedStatement", in)
	w.reopen()
	w.engine.answers[sql] = numbers(1)
	for _, start := range []object{
		{"QueryString": "EXECUTE by_actor USING 'a, ''b', CAST((5) AS bigint)"},
		{"QueryString": " execute BY_ACTOR ; ", "ExecutionParameters": []string{"'a, ''b'", "CAST((5) AS bigint)"}},
	} {
		id := w.call(ann, "StartQueryExecution", start)["QueryExecutionId"].(string)
		w.finish()
		if state, reason := w.state(ann, id); state != stateSucceeded {
			t.Errorf("%s: %s", state, reason)
		}
		last := w.engine.asked[len(w.engine.asked)-1]
		if last.SQL != sql || !reflect.DeepEqual(last.Params, []string{"'a, ''b'", "CAST((5) AS bigint)"}) {
			t.Errorf("asked %+v", last)
		}
	}
	w.refused("InvalidRequestException", ann, "StartQueryExecution", object{"QueryString": "EXECUTE by_actor USING 1, 2", "ExecutionParameters": []string{"1"}})
	w.refused("ResourceNotFoundException", ann, "StartQueryExecution", object{"QueryString": "EXECUTE other"})
	w.refused("AccessDeniedException", ann, "StartQueryExecution", object{"QueryString": "PREPARE x FROM SELECT 1"})
	for _, sql := range []string{"PREPARE x FROM SELECT 1", "DEALLOCATE PREPARE by_actor"} {
		id := w.start(root, sql)
		w.finish()
		if state, reason := w.state(root, id); state != stateSucceeded {
			t.Errorf("%s: %s: %s", sql, state, reason)
		}
		if rows, _ := w.page(root, object{"QueryExecutionId": id}); rows != nil {
			t.Errorf("%v", rows)
		}
	}
	doc := w.call(ann, "ListPreparedStatements", object{"WorkGroup": "primary"})
	if list := doc["PreparedStatements"].([]any); len(list) != 1 || list[0].(map[string]any)["StatementName"] != "x" {
		t.Errorf("%v", doc)
	}
	doc = w.call(ann, "BatchGetPreparedStatement", object{"WorkGroup": "primary", "PreparedStatementNames": []string{"x", "by_actor"}})
	if len(doc["PreparedStatements"].([]any)) != 1 || len(doc["UnprocessedPreparedStatementNames"].([]any)) != 1 {
		t.Errorf("%v", doc)
	}
	w.call(root, "DeletePreparedStatement", object{"StatementName": "x", "WorkGroup": "primary"})
	w.refused("ResourceNotFoundException", ann, "GetPreparedStatement", object{"StatementName": "x", "WorkGroup": "primary"})
}

func TestMetadata(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Table = map[string]string{"classification": "parquet"} })
	group := w.call(ann, "GetWorkGroup", object{"WorkGroup": "primary"})["WorkGroup"].(map[string]any)
	conf := group["Configuration"].(map[string]any)
	if conf["EnforceWorkGroupConfiguration"] != true || conf["ResultConfiguration"] != nil ||
		!reflect.DeepEqual(conf["ManagedQueryResultsConfiguration"], map[string]any{"Enabled": true}) {
		t.Errorf("%v", group)
	}
	for _, operation := range []string{"ListWorkGroups", "ListDataCatalogs", "ListEngineVersions"} {
		w.call(ann, operation, object{})
	}
	place := object{"CatalogName": "AwsDataCatalog", "DatabaseName": "audit", "TableName": "audit_logs"}
	w.call(ann, "GetDataCatalog", object{"Name": "AwsDataCatalog"})
	w.call(ann, "ListDatabases", place)
	w.call(ann, "GetDatabase", place)
	table := w.call(ann, "GetTableMetadata", place)["TableMetadata"].(map[string]any)
	if table["TableType"] != "EXTERNAL_TABLE" || len(table["PartitionKeys"].([]any)) != 2 || len(table["Columns"].([]any)) < 15 {
		t.Errorf("%v", table)
	}
	for expression, n := range map[string]int{"": 8, "*": 8, ".*": 8, "audit*": 1, "AUDIT_LOGS": 1, "logs": 0, "x|audit_logs": 1, "*s": 8, "failed*": 1} {
		place["Expression"] = expression
		if list := w.call(ann, "ListTableMetadata", place)["TableMetadataList"].([]any); len(list) != n {
			t.Errorf("%q finds %d tables", expression, len(list))
		}
	}
	delete(place, "Expression")
	place["MaxResults"] = 3
	var names []string
	for {
		page := w.call(ann, "ListTableMetadata", place)
		for _, table := range page["TableMetadataList"].([]any) {
			names = append(names, table.(map[string]any)["Name"].(string))
		}
		next, more := page["NextToken"]
		if !more {
			break
		}
		place["NextToken"] = next
	}
	if want := tableNames(); !reflect.DeepEqual(names, want) {
		t.Errorf("in pages: %q, want %q", names, want)
	}
	delete(place, "NextToken")
	view := w.call(ann, "GetTableMetadata", object{"CatalogName": "AwsDataCatalog", "DatabaseName": "audit", "TableName": "Failed_Logins"})["TableMetadata"].(map[string]any)
	if view["Name"] != "failed_logins" || view["TableType"] != "VIRTUAL_VIEW" || len(view["PartitionKeys"].([]any)) != 0 || len(view["Columns"].([]any)) != len(athena.Columns()) {
		t.Errorf("%v", view)
	}
	place["Expression"] = "("
	w.refused("InvalidRequestException", ann, "ListTableMetadata", place)
	place["TableName"] = "other"
	w.refused("MetadataException", ann, "GetTableMetadata", place)
	place["DatabaseName"] = "other"
	w.refused("MetadataException", ann, "GetDatabase", place)
	w.refused("MetadataException", ann, "ListTableMetadata", place)
	w.refused("InvalidRequestException", ann, "GetWorkGroup", object{"WorkGroup": "other"})
}

func TestOptionsThatAreNone(t *testing.T) {
	for _, change := range []func(*Options){
		func(o *Options) { o.Keys = nil },
		func(o *Options) { o.Keys = []Key{ann, ann} },
		func(o *Options) { o.Keys = []Key{{Principal: "x", AccessKey: "a", Role: Admin}} },
		func(o *Options) { o.Keys = []Key{{Principal: "x", AccessKey: "a", Secret: "b", Role: "god"}} },
		func(o *Options) { o.Keys = []Key{ann, {Principal: "ann", AccessKey: "a", Secret: "b", Role: Admin}} },
		func(o *Options) { o.Dir = "" },
	} {
		w := newWorld(t, nil)
		o := w.o
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("taken: %+v", o.Keys)
		}
	}
}
