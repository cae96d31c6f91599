//go:build race

package buffer

// stride thins out the exhaustive tests: under the race detector they are ten
// times slower, and it looks for something else.
const stride = 7
