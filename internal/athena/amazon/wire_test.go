package amazon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/wire"
)

// rowsOf is an engine with one answer.
type rowsOf struct {
	cols  []athena.Column
	rows  [][]any
	fails error
	asked athena.Query
}

func (e *rowsOf) Query(_ context.Context, q athena.Query) (athena.Result, error) {
	e.asked = q
	if e.fails != nil {
		return nil, e.fails
	}
	return &rowResult{rowsOf: e}, nil
}

func (*rowsOf) Close() error { return nil }

type rowResult struct {
	*rowsOf
	n int
}

func (r *rowResult) Columns() []athena.Column { return r.cols }

func (r *rowResult) Next(context.Context) ([]any, error) {
	if r.n == len(r.rows) {
		return nil, io.EOF
	}
	r.n++
	return r.rows[r.n-1], nil
}

func (*rowResult) Meta() athena.Meta { return athena.Meta{Stats: athena.Stats{BytesPicked: 42}} }

// What goes through our own Athena API comes out of the amazon engine as it went
// in: values, types, NULL beside the empty string, more rows than a page has.
func TestOverOurOwnAPI(t *testing.T) {
	source := &rowsOf{cols: []athena.Column{
		{Name: "s", Type: "varchar"}, {Name: "n", Type: "bigint"}, {Name: "b", Type: "boolean"}, {Name: "d", Type: "double"},
		{Name: "m", Type: "decimal(10,2)"}, {Name: "day", Type: "date"}, {Name: "at", Type: "timestamp"}, {Name: "z", Type: "timestamp with time zone"},
	}}
	at := time.Date(2026, 1, 31, 10, 11, 12, 345e6, time.UTC)
	for i := range 2500 {
		row := []any{"é'\n", int64(i), i%2 == 0, 1.5e300, athena.Decimal("-12.50"), at.Truncate(24 * time.Hour), at, at}
		if i%3 == 1 {
			row = []any{"", int64(i), nil, nil, nil, nil, nil, nil}
		}
		source.rows = append(source.rows, row)
	}
	server, err := wire.New(wire.Options{Engine: source, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
		Keys: []wire.Key{{Principal: "ann", AccessKey: "AKID", Secret: "secret", Role: wire.Viewer}}})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(func() {
		listener.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	keys := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(keys, []byte("[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := Open(t.Context(), Options{Region: "eu-central-1", Endpoint: listener.URL, CredentialsFile: keys, Database: "audit"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Query(t.Context(), athena.Query{SQL: "SELECT ?", Params: []string{"'it''s'"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !reflect.DeepEqual(r.Columns(), source.cols) {
		t.Errorf("columns %v, want %v", r.Columns(), source.cols)
	}
	for i := range source.rows {
		row, err := r.Next(t.Context())
		if err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		if !reflect.DeepEqual(row, source.rows[i]) {
			t.Fatalf("row %d: %#v, want %#v", i, row, source.rows[i])
		}
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("error %v after the last row", err)
	}
	if !reflect.DeepEqual(source.asked.Params, []string{"'it''s'"}) || r.Meta().Stats.BytesRead == 0 {
		t.Errorf("asked %+v, meta %+v", source.asked, r.Meta())
	}
	source.fails = &athena.Error{Kind: athena.ErrInvalid, Detail: "no such column", Line: 1, Column: 8}
	var own *athena.Error
	if _, err := e.Query(t.Context(), athena.Query{SQL: "SELECT x"}); !errors.As(err, &own) || own.Line != 1 || own.Column != 8 {
		t.Errorf("error %v, want one of the query at line 1:8", err)
	}
}
