package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/pack"
)

// forge changes members of a pack and makes the manifest and the tar file fit again,
// as somebody would who knows the format.
func (w *world) forge(b []byte, change func(content map[string][]byte)) []byte {
	w.t.Helper()
	_, content := members(w.t, b)
	change(content)
	delete(content, pack.ManifestName)
	manifest := pack.Manifest{Version: pack.Version, Archive: w.a.ID()}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		c := content[name]
		manifest.Members = append(manifest.Members, pack.Member{Name: name, Size: int64(len(c)), SHA256: sha256.Sum256(c)})
	}
	content[pack.ManifestName] = w.document(manifest)
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(content)) {
		header, err := pack.Header(name, int64(len(content[name])))
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(append(out, header...), content[name]...)
		out = append(out, make([]byte, pack.Padding(int64(len(content[name]))))...)
	}
	return append(out, make([]byte, pack.EndBytes)...)
}

func (w *world) document(doc any) []byte {
	w.t.Helper()
	line, err := ledger.EncodeDocument(doc)
	if err != nil {
		w.t.Fatal(err)
	}
	return line
}

// state changes the statement.
func (w *world) state(content map[string][]byte, change func(*pack.Statement)) {
	w.t.Helper()
	var s pack.Statement
	if err := ledger.DecodeDocument(content[pack.StatementName], &s); err != nil {
		w.t.Fatal(err)
	}
	change(&s)
	content[pack.StatementName] = w.document(s)
}

// leaveOut takes the rows of the first file with rows out of a pack, everywhere.
func (w *world) leaveOut(content map[string][]byte) {
	w.t.Helper()
	w.state(content, func(s *pack.Statement) {
		at := slices.IndexFunc(s.Files, func(f pack.FilePart) bool { return f.Exported > 0 })
		f := &s.Files[at]
		lines := bytes.SplitAfter(content[pack.CSVName], []byte("\r\n"))
		content[pack.CSVName] = bytes.Join(slices.Delete(lines, 1, 1+int(f.Exported)), nil)
		delete(content, pack.RowsName(f.Key))
		delete(content, pack.ProofName(f.Key))
		s.Rows -= f.Exported
		f.Exported = 0
	})
}

func first(content map[string][]byte, prefix, suffix string) string {
	for _, name := range slices.Sorted(maps.Keys(content)) {
		if strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix) {
			return name
		}
	}
	return ""
}

// Who rewrites a pack and its manifest is found by what is signed.
func TestForgeries(t *testing.T) {
	tests := map[string]struct {
		where, whole bool
		change       func(w *world, content map[string][]byte)
		kind         pack.Kind // "": nothing is found
		key          string    // begins with
	}{
		"nothing":                      {change: func(*world, map[string][]byte) {}},
		"a page, which is no evidence": {change: func(_ *world, c map[string][]byte) { c[pack.SummaryText] = []byte("all is well\n") }},
		"a line of the CSV": {change: func(_ *world, c map[string][]byte) {
			c[pack.CSVName] = bytes.Replace(c[pack.CSVName], []byte("order.update"), []byte("order.delete"), 1)
		}, kind: pack.Altered, key: pack.CSVName},
		"a line more in the CSV": {change: func(_ *world, c map[string][]byte) {
			c[pack.CSVName] = append(c[pack.CSVName], "x\r\n"...)
		}, kind: pack.Injected, key: pack.CSVName},
		"rows of another file": {change: func(_ *world, c map[string][]byte) {
			one := first(c, "rows/retention=long", ".parquet")
			c[one] = c[first(c, "rows/retention=standard", ".parquet")]
		}, kind: pack.Altered, key: "rows/retention=long"},
		"no rows of a file, in a period without a condition": {change: (*world).leaveOut, kind: pack.Missing, key: "rows/"},
		"no rows of a file, with whole files":                {whole: true, change: (*world).leaveOut, kind: pack.Missing, key: "rows/"},
		"no rows of a file that a condition selects":         {where: true, change: (*world).leaveOut}, // what the exporter says
		"no rows of a file that a condition selects, with whole files": {where: true, whole: true, change: (*world).leaveOut,
			kind: pack.Missing, key: "rows/"},
		"another condition": {where: true, whole: true, change: func(w *world, c map[string][]byte) {
			w.state(c, func(s *pack.Statement) { s.Where = "actor_id = 'user-4'" })
		}, kind: pack.Injected, key: "rows/"},
		"another number of rows": {change: func(w *world, c map[string][]byte) {
			w.state(c, func(s *pack.Statement) { s.Files[0].Rows++ })
		}, kind: pack.Altered, key: pack.StatementName},
		"a file less in the statement": {change: func(w *world, c map[string][]byte) {
			w.state(c, func(s *pack.Statement) { s.Files = s.Files[1:] })
		}, kind: pack.Altered, key: pack.StatementName},
		"a stream that is said to go further": {change: func(w *world, c map[string][]byte) {
			w.state(c, func(s *pack.Statement) { s.Streams[0].NextSeq++ })
		}, kind: pack.Altered, key: pack.StatementName},
		"no commit in the middle": {change: func(_ *world, c map[string][]byte) {
			delete(c, first(c, "ledger/", "00000000000000000001.commit"))
		}, kind: pack.Altered, key: ""},
		"a commit of another stream": {change: func(_ *world, c map[string][]byte) {
			name := first(c, "ledger/", "00000000000000000001.commit")
			for other := range c {
				if strings.HasSuffix(other, "00000000000000000001.commit") && other != name {
					c[name] = c[other]
				}
			}
		}, kind: pack.Altered, key: "ledger/"},
		"a stream less": {change: func(_ *world, c map[string][]byte) {
			open := first(c, "ledger/", "/open")
			for name := range c {
				if strings.HasPrefix(name, strings.TrimSuffix(open, "open")) {
					delete(c, name)
				}
			}
		}, kind: pack.Altered, key: pack.KeysName},
		"another root key": {change: func(_ *world, c map[string][]byte) {
			c[pack.KeysName] = append([]byte("archiver/x+y+z\n"), c[pack.KeysName]...)
		}, kind: pack.Altered, key: pack.KeysName},
		"a file of no kind":                  {change: func(_ *world, c map[string][]byte) { c["run.sh"] = []byte("#!") }, kind: pack.Injected, key: "run.sh"},
		"a whole file that nobody asked for": {change: func(_ *world, c map[string][]byte) { c["files/x"] = nil }, kind: pack.Injected, key: "files/x"},
		"a whole file, changed": {whole: true, change: func(_ *world, c map[string][]byte) {
			c[first(c, "files/", ".parquet")][100] ^= 1
		}, kind: pack.Altered, key: "files/"},
		"no whole file": {whole: true, change: func(_ *world, c map[string][]byte) {
			delete(c, first(c, "files/", ".parquet"))
		}, kind: pack.Missing, key: "files/"},
		"no archive object": {change: func(_ *world, c map[string][]byte) { delete(c, pack.ArchiveName) }, kind: pack.Missing, key: pack.ArchiveName},
		"a proof cut short": {where: true, change: func(_ *world, c map[string][]byte) {
			name := first(c, "proofs/", ".proof")
			c[name] = c[name][:len(c[name])-32]
		}, kind: pack.Altered, key: "proofs/"},
		"a proof with a hash more": {where: true, change: func(_ *world, c map[string][]byte) {
			name := first(c, "proofs/", ".proof")
			c[name] = append(c[name], make([]byte, 32)...)
		}, kind: pack.Altered, key: "proofs/"},
	}
	w := newWorld(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := w.options()
			o.Out = t.TempDir() + "/pack.tar"
			o.WholeFiles = tt.whole
			if tt.where {
				w.where(&o, "user-3")
			}
			b, _ := w.export(o)
			r := w.checkAgain(w.forge(b, func(c map[string][]byte) { tt.change(w, c) }))
			switch {
			case tt.kind == "" && r.Result != pack.OK:
				t.Errorf("%s: %v", r.Result, r.Findings)
			case tt.kind != "" && (r.Result != pack.Violation || !slices.ContainsFunc(r.Findings, func(f pack.Finding) bool {
				return f.Kind == tt.kind && strings.HasPrefix(f.Key, tt.key) && f.Detail != "" && f.Action != ""
			})):
				t.Errorf("want %s of %s: %s %+v", tt.kind, tt.key, r.Result, r.Findings)
			}
		})
	}
}

// checkAgain judges a pack with an engine that evaluates conditions on an actor.
func (w *world) checkAgain(b []byte) *pack.Report {
	w.t.Helper()
	again := func(ctx context.Context, s *pack.Statement, _ []pack.Whole) iter.Seq2[pack.Row, error] {
		o := w.options()
		w.where(&o, strings.TrimSuffix(strings.TrimPrefix(s.Where, "actor_id = '"), "'"))
		return o.Selected(ctx)
	}
	r, err := pack.Check(w.t.Context(), bytes.NewReader(b), int64(len(b)), w.a.RootVKey(), again)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}
