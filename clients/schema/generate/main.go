// Command generate writes the types of the event for the three SDKs from the JSON Schema beside it.
//
// Validation is not generated: each SDK has it by hand, in its language's own
// way, with the limits of the generated tables, and the wire vectors hold it to
// the schema.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run .

// clients is the folder of the SDKs, from this one.
const clients = "../.."

// schemaFile, from clients.
const schemaFile = "schema/event.schema.json"

// notice opens every generated file, after the comment sign of its language. Go
// tools know the words: https://go.dev/s/generatedcode.
const notice = "Code generated from clients/schema/event.schema.json by clients/schema/generate. DO NOT EDIT."

// output is one generated file, by its path from clients.
type output struct {
	path   string
	render func(*schema) ([]byte, error)
}

func outputs() []output {
	return []output{
		{"go/event_gen.go", renderGo},
		{"typescript/src/event.gen.ts", renderTypeScript},
		{"python/src/audit_archiver/_event.py", renderPython},
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := readSchema(filepath.Join(clients, schemaFile))
	if err != nil {
		return err
	}
	for _, o := range outputs() {
		text, err := o.render(root)
		if err != nil {
			return fmt.Errorf("%s: %w", o.path, err)
		}
		if err := os.WriteFile(filepath.Join(clients, o.path), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
