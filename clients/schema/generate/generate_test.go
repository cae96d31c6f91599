package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesAreUpToDate: what the SDKs compile is what the schema says today.
func TestFilesAreUpToDate(t *testing.T) {
	root, err := readSchema(filepath.Join(clients, schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outputs() {
		want, err := o.render(root)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(clients, o.path))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("clients/%s is not what the schema says: run go generate ./clients/schema/...", o.path)
		}
	}
}

// TestEveryFieldIsEverywhere does not trust the renderers: each name and each
// limit of the schema must be in each file.
func TestEveryFieldIsEverywhere(t *testing.T) {
	root, err := readSchema(filepath.Join(clients, schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"49152", "65536", "64"}
	for _, o := range root.objects() {
		for _, f := range o.Properties {
			names = append(names, f.name)
			names = append(names, f.Enum...)
		}
	}
	if len(names) != 3+12+3+2+3+2 {
		t.Errorf("%d names: %q", len(names), names)
	}
	for _, o := range outputs() {
		text, err := o.render(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.Contains(string(text), name) {
				t.Errorf("%s does not have %s", o.path, name)
			}
		}
	}
}

func TestRefusesWhatItDoesNotUnderstand(t *testing.T) {
	good := `{"title":"E","type":"object","required":["a"],"properties":{"a":{"type":"string","description":"d"},
		"details":{"type":["object","null"],"description":"d"}}}`
	for name, tt := range map[string]struct{ old, new, want string }{
		"an unknown keyword":       {`"title":"E"`, `"title":"E","oneOf":[]`, `unknown field "oneOf"`},
		"an unknown inner keyword": {`"type":"string"`, `"type":"string","const":"x"`, `property a: json: unknown field "const"`},
		"an object without a name": {`"title":"E",`, ``, "needs a title"},
		"no description":           {`"type":"string","description":"d"`, `"type":"string"`, "a: no description"},
		"optional without null":    {`["a"]`, `[]`, "a: null is for fields"},
		"required with null":       {`"string"`, `["string","null"]`, "a: null is for fields"},
		"values without a name":    {`"type":"string"`, `"type":"string","enum":["x"]`, "a: values need a title"},
		"a number":                 {`"string"`, `"number"`, "a: type [number]"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "schema.json")
			write := func(text string) {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(good)
			if _, err := readSchema(file); err != nil {
				t.Fatalf("the good one: %v", err)
			}
			write(strings.Replace(good, tt.old, tt.new, 1))
			if _, err := readSchema(file); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
