package audithttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// recorder notes the status of a response. It has Unwrap for
// http.ResponseController, and the optional methods that handlers still ask for
// by type.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing was written
}

// statusAfter returns the status that the client got: 200 when the handler
// returned without a word, 500 when it panicked without one.
func (r *recorder) statusAfter(returned bool) int {
	switch {
	case r.status != 0:
		return r.status
	case returned:
		return http.StatusOK
	}
	return http.StatusInternalServerError
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	// Informational answers come before the real one; 101 is the real one.
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) written() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.written()
	return r.ResponseWriter.Write(p)
}

// ReadFrom keeps io.Copy's way to sendfile.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	r.written()
	return io.Copy(r.ResponseWriter, src)
}

// Flush is for handlers that ask for an http.Flusher.
func (r *recorder) Flush() { _ = r.FlushError() } // as with Flusher, nobody is told

// FlushError is for http.ResponseController.
func (r *recorder) FlushError() error {
	r.written()
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Hijack is for handlers that ask for an http.Hijacker.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil && r.status == 0 {
		r.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}
