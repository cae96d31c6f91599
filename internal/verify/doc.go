// Package verify is the auditor: it decides, from a bucket and the root verifier
// key alone, whether an archive is what was committed to it.
//
// It shares no code with the writer, needs no permission but to read, and says
// one of three things: OK, VIOLATION, or that it could not look. Levels build on
// each other: 0 the bucket's settings, 1 the ledger, 2 the objects, 3 their
// content, 4 what SQL returns. docs/verify.md explains them.
package verify
