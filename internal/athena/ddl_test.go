package athena

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestDDL(t *testing.T) {
	floor := time.Date(2016, 11, 24, 0, 0, 0, 0, time.UTC)
	for name, o := range map[string]TableOptions{
		"plain":  {Bucket: "audit", Classes: []string{"standard"}, Floor: floor},
		"prefix": {Database: "audit", Table: "events", Bucket: "b-1", Prefix: "a/b", Classes: []string{"standard", "long"}, Floor: floor},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DDL(o)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "ddl-"+name+".sql")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestDDLNamesWhatIsImpossible(t *testing.T) {
	ok := TableOptions{Bucket: "b", Classes: []string{"standard"}, Floor: time.Unix(0, 0)}
	for word, change := range map[string]func(*TableOptions){
		"bucket":          func(o *TableOptions) { o.Bucket = "" },
		"prefix":          func(o *TableOptions) { o.Prefix = "a'b" },
		"location":        func(o *TableOptions) { o.Prefix = "/a" },
		"class":           func(o *TableOptions) { o.Classes = nil },
		`class "a,b"`:     func(o *TableOptions) { o.Classes = []string{"a,b"} },
		"floor must be s": func(o *TableOptions) { o.Floor = time.Time{} },
	} {
		o := ok
		change(&o)
		if _, err := DDL(o); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v does not name %s", err, word)
		}
	}
}
