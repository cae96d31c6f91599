package athena

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func accessForTest() AccessOptions {
	return AccessOptions{ResultsBucket: "results", WorkGroup: "auditors", TableOptions: TableOptions{
		Database: "audit", Bucket: "b", Prefix: "p", Classes: []string{"standard", "long"}, Floor: time.Date(2016, 1, 2, 0, 0, 0, 0, time.UTC)}}
}

func TestGlueIsTheSameTable(t *testing.T) {
	o := accessForTest().TableOptions
	g, err := Glue(o)
	if err != nil {
		t.Fatal(err)
	}
	ddl, err := DDL(o)
	if err != nil {
		t.Fatal(err)
	}
	in := g.TableInput
	for k, v := range in.Parameters {
		if k != "EXTERNAL" && !strings.Contains(ddl, "'"+k+"' = '"+v+"'") {
			t.Errorf("parameter %s = %s is not in the DDL", k, v)
		}
	}
	names := make([]string, 0, 22)
	for _, c := range slices.Concat(in.StorageDescriptor.Columns, in.PartitionKeys) {
		names = append(names, c.Name)
	}
	for i, c := range Columns() {
		if names[i] != c.Name {
			t.Errorf("column %d is %s, want %s", i, names[i], c.Name)
		}
	}
	if len(in.PartitionKeys) != 2 || in.StorageDescriptor.Location != "s3://b/p/events/" || in.Name != "audit_logs" || g.DatabaseName != "audit" {
		t.Errorf("table %+v", g)
	}
}

func TestTrinoDDL(t *testing.T) {
	o := accessForTest().TableOptions
	o.Database = "hive.audit"
	ddl, err := TrinoDDL(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`CREATE TABLE IF NOT EXISTS "hive"."audit"."audit_logs" (`, `"timestamp" timestamp(3) COMMENT`, `"seq" bigint COMMENT`,
		"partition_projection_values = ARRAY['standard', 'long']", "partition_projection_range = ARRAY['2016-01-02', 'NOW+2DAYS']",
		"partitioned_by = ARRAY['retention', 'dt']", "external_location = 's3://b/p/events/'", "'s3://b/p/events/retention=${retention}/dt=${dt}/'",
	} {
		if !strings.Contains(ddl, want) {
			t.Errorf("no %s in\n%s", want, ddl)
		}
	}
	if got := len(Marks(ddl)); got != 22+2+4+3 {
		t.Errorf("%d marks in\n%s\n%s", got, ddl, strings.Join(Marks(ddl), "\n"))
	}
}

func TestReadersCannotWriteToTheArchive(t *testing.T) {
	p, err := ReaderPolicy(accessForTest())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Statement {
		for _, action := range s.Action {
			writes := strings.Contains(action, "Put") || strings.Contains(action, "Delete") || strings.Contains(action, "*")
			for _, r := range s.Resource {
				if s.Effect == "Allow" && writes && !strings.HasPrefix(r, "arn:aws:s3:::results") {
					t.Errorf("%s allows %s on %s", s.Sid, action, r)
				}
			}
		}
	}
	last := p.Statement[len(p.Statement)-1]
	if last.Effect != "Deny" || !slices.Contains(last.Resource, "arn:aws:s3:::b/*") {
		t.Errorf("nothing forbids to write: %+v", last)
	}
	for word, change := range map[string]func(*AccessOptions){
		"archive's bucket": func(o *AccessOptions) { o.ResultsBucket = "b" },
		"results bucket":   func(o *AccessOptions) { o.ResultsBucket = "a/b" },
		"database":         func(o *AccessOptions) { o.Database = "" },
		"class":            func(o *AccessOptions) { o.Classes = nil },
	} {
		o := accessForTest()
		change(&o)
		if _, err := ReaderPolicy(o); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v does not name %s", err, word)
		}
		if _, err := Terraform(o); err == nil {
			t.Errorf("terraform without %s", word)
		}
	}
}

func TestTerraform(t *testing.T) {
	doc, err := Terraform(accessForTest())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"$${retention}/dt=$${dt}/", `"aws_athena_workgroup"`, `"name":"auditors"`, `"bucket":"results"`, `"enforce_workgroup_configuration":true`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %s in\n%s", want, raw)
		}
	}
	if strings.Contains(strings.ReplaceAll(string(raw), "$${", ""), "${retention}") {
		t.Error("Terraform would expand ${retention}")
	}
}

func TestViewsForGlueAndTerraform(t *testing.T) {
	o := accessForTest()
	v := View{Name: "failed", About: "Some; rows.", Where: "outcome = 'failure'"}
	o.Views = []View{v}
	g, err := GlueView(o.TableOptions, v)
	if err != nil {
		t.Fatal(err)
	}
	in := g.TableInput
	encoded, ok := strings.CutPrefix(in.ViewOriginalText, "/* Presto View: ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(encoded, " */"))
	var definition struct {
		OriginalSQL, Catalog, Schema string
		Columns                      []GlueColumn
	}
	if err := errors.Join(err, json.Unmarshal(raw, &definition)); !ok || err != nil {
		t.Fatalf("%s: %v", in.ViewOriginalText, err)
	}
	if in.TableType != "VIRTUAL_VIEW" || in.Parameters["presto_view"] != "true" || in.Parameters["comment"] != "Presto View" || in.ViewExpandedText != "/* Presto View */" ||
		len(in.PartitionKeys) != 0 || len(in.StorageDescriptor.Columns) != 22 || in.StorageDescriptor.Columns[1].Type != "timestamp" {
		t.Errorf("%+v", in)
	}
	if definition.Catalog != "awsdatacatalog" || definition.Schema != "audit" || len(definition.Columns) != 22 || definition.Columns[1] != (GlueColumn{Name: "timestamp", Type: "timestamp(3)"}) ||
		!strings.HasSuffix(definition.OriginalSQL, "FROM \"audit\".\"audit_logs\"\nWHERE outcome = 'failure'") {
		t.Errorf("%+v", definition)
	}
	if want := "CREATE OR REPLACE VIEW \"audit\".\"failed\" AS\n" + definition.OriginalSQL; ViewDDL(o.TableOptions, v) != want {
		t.Errorf("the statement %s is another definition than %s", ViewDDL(o.TableOptions, v), want)
	}
	doc, err := Terraform(o)
	if err != nil {
		t.Fatal(err)
	}
	view := doc["resource"].(object)["aws_glue_catalog_table"].(object)["failed"].(object)
	if view["view_original_text"] != in.ViewOriginalText || view["table_type"] != "VIRTUAL_VIEW" {
		t.Errorf("%v", view)
	}
}
