//go:build !race

package buffer

const stride = 1
