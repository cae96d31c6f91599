package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

// fileBytesMax is far above any real configuration; it keeps a wrong path from
// filling memory.
const fileBytesMax = 1 << 20

// Problem is one thing that is wrong with a file.
type Problem struct {
	Line  int    `json:"line,omitempty"`  // 1-based; 0 when the key is not in the file
	Field string `json:"field,omitempty"` // as in tokens[0].sha256; "" for the file as a whole
	Text  string `json:"problem"`
}

func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", p.Line)
	}
	if p.Field != "" {
		fmt.Fprintf(&b, "%s: ", p.Field)
	}
	return b.String() + p.Text
}

// Error is everything that is wrong with a file, in file order; what is missing
// comes last.
type Error struct {
	File     string
	Problems []Problem
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "configuration %s:", e.File)
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// Load reads, expands, decodes and validates a file. All paths in the result
// are absolute. An [*Error] lists everything that is wrong in the file; any
// other error means that it could not be read.
func Load(path string) (Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Config{}, fmt.Errorf("find configuration: %w", err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	if info.Size() > fileBytesMax {
		return Config{}, fmt.Errorf("read configuration %s: %d bytes are more than %d", path, info.Size(), fileBytesMax)
	}
	data, err := os.ReadFile(abs)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Parse(data, filepath.Dir(abs), os.LookupEnv)
	var bad *Error
	if errors.As(err, &bad) {
		bad.File = path
	}
	return c, err
}

// Parse is Load without a file: dir is what relative paths are relative to, and
// lookup answers ${NAME}.
func Parse(data []byte, dir string, lookup func(string) (string, bool)) (Config, error) {
	c := Default()
	d := decoder{dir: dir, lookup: lookup, lines: map[string]int{}, broken: map[string]bool{}}
	d.decode(data, &c)
	if d.fatal {
		return Config{}, &Error{Problems: d.problems}
	}
	c.fillPaths(dir)
	for i := range c.Tokens {
		c.Tokens[i].SHA256 = strings.ToLower(c.Tokens[i].SHA256) // hex has two spellings; one is left
	}
	for _, p := range c.validate() {
		// A value that could not be read was reported already; its default in
		// the struct says nothing about the file.
		if !d.broken[p.Field] {
			d.problems = append(d.problems, Problem{Line: d.line(p.Field), Field: p.Field, Text: p.Text})
		}
	}
	if len(d.problems) > 0 {
		return Config{}, &Error{Problems: inFileOrder(d.problems)}
	}
	return c, nil
}

// fillPaths sets the defaults that depend on other values.
func (c *Config) fillPaths(dir string) {
	c.DataDir = absolute(dir, c.DataDir)
	if c.Stream.KeyFile == "" && c.Stream.KeyEnv == "" && c.Stream.KeyKMS == "" {
		c.Stream.KeyFile = filepath.Join(c.DataDir, "stream.key")
	}
	if c.Stream.OpenFile == "" {
		c.Stream.OpenFile = filepath.Join(c.DataDir, "stream.open")
	}
	if c.Stream.NextDir == "" {
		c.Stream.NextDir = filepath.Join(c.DataDir, "next")
	}
	if socket, ok := strings.CutPrefix(c.Listen, "unix:"); ok && socket != "" {
		c.Listen = "unix:" + absolute(dir, socket)
	}
}

func absolute(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// Marshal writes c as a file that Load reads back as the same Config, if it
// lies in the folder that relative paths in c are meant for. It holds no
// secret, because a Config has none.
func Marshal(c Config) ([]byte, error) {
	body, err := yaml.MarshalWithOptions(c, yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	// YAML gives "$" no meaning, so every one of them comes from a value.
	return bytes.ReplaceAll(body, []byte("$"), []byte("$$")), nil
}
