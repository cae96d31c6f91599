package httpapi

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

// asked remembers what an engine was asked.
type asked struct {
	engine
	query athena.Query
}

func (a *asked) Query(ctx context.Context, q athena.Query) (athena.Result, error) {
	a.query = q
	return a.engine.Query(ctx, q)
}

func TestParametersReachTheEngine(t *testing.T) {
	e := &asked{engine: engine{rows: 1, end: io.EOF}}
	h, _ := handlerOver(t, e, func(o *Options) { o.MaxRows = 7 })
	if w := post(t, h, `{"sql":"SELECT ?","params":["'a'","5"],"explain":true}`); w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if want := (athena.Query{SQL: "SELECT ?", Params: []string{"'a'", "5"}, Explain: true, MaxRows: 7}); !reflect.DeepEqual(e.query, want) {
		t.Errorf("asked %+v, want %+v", e.query, want)
	}
	for _, body := range []string{`{"sql":"x","params":"a"}`, `{"sql":"x","params":[5]}`, `{"sql":"x","explain":1}`} {
		if w := post(t, h, body); w.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", body, w.Code, w.Body)
		}
	}
}
