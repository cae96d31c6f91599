//go:build cgo

package duckdb

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// functions registers the native functions that the job calls, and returns the
// statements that define its macros.
func (j *job) functions(conn *sql.Conn) (statements []string, err error) {
	called := j.SQL
	if name, statement := dialect.DayOf(j.Days); strings.Contains(j.SQL, name) {
		statements = append(statements, statement)
	}
	if name, statement := dialect.Within(j.Within); strings.Contains(j.SQL, name) {
		statements = append(statements, statement)
	}
	for name, statement := range dialect.Macros() {
		if strings.Contains(j.SQL, name) {
			statements = append(statements, statement)
			called += statement
		}
	}
	for name, f := range dialect.Natives() {
		if !strings.Contains(called, name) {
			continue
		}
		if err := duck.RegisterScalarUDF(conn, name, native{f, &j.unsupported}); err != nil {
			return nil, fmt.Errorf("register %s: %w", name, err)
		}
	}
	return statements, nil
}

// native gives a function of the dialect to DuckDB.
type native struct {
	dialect.Native
	unsupported *unsupported
}

// unsupported is the first value of a query that Trino has an answer for and we do
// not. It is kept beside DuckDB, whose TRY would make NULL of it.
type unsupported struct {
	first atomic.Pointer[dialect.Unsupported]
}

func (u *unsupported) note(err error) {
	if e := dialect.Unsupported(""); errors.As(err, &e) {
		u.first.CompareAndSwap(nil, &e)
	}
}

// err is what the query ends with; nil when there was no such value.
func (u *unsupported) err() *athena.Error {
	if e := u.first.Load(); e != nil {
		return &athena.Error{Kind: athena.ErrRefused, Construct: string(*e)}
	}
	return nil
}

func (f native) Config() duck.ScalarFuncConfig {
	config := duck.ScalarFuncConfig{ResultTypeInfo: nativeType(f.Result)}
	for _, arg := range f.Args {
		config.InputTypeInfos = append(config.InputTypeInfos, nativeType(arg))
	}
	return config
}

func nativeType(name string) duck.TypeInfo {
	if element, ok := strings.CutSuffix(name, "[]"); ok {
		info, err := duck.NewListInfo(nativeType(element))
		if err != nil {
			panic("bug: type " + name + ": " + err.Error())
		}
		return info
	}
	types := map[string]duck.Type{
		"VARCHAR": duck.TYPE_VARCHAR, "BIGINT": duck.TYPE_BIGINT, "DOUBLE": duck.TYPE_DOUBLE, "BOOLEAN": duck.TYPE_BOOLEAN, "BLOB": duck.TYPE_BLOB,
	}
	info, err := duck.NewTypeInfo(types[name])
	if err != nil {
		panic("bug: type " + name + ": " + err.Error())
	}
	return info
}

func (f native) Executor() duck.ScalarFuncExecutor {
	return duck.ScalarFuncExecutor{RowExecutor: func(values []driver.Value) (result any, err error) {
		defer func() { // a panic would end the process: there is C between here and the caller
			if r := recover(); r != nil {
				err = fmt.Errorf("bug: %v", r)
			}
		}()
		args := make([]any, len(values))
		for i, v := range values {
			args[i] = v
		}
		result, err = f.Call(args)
		if err != nil {
			f.unsupported.note(err)
		}
		return result, err
	}}
}
