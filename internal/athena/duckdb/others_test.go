//go:build cgo && !linux

package duckdb

// others: the tests of isolation are for systems that have one.
var others map[string]func() int
