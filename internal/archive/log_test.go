package archive

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// record keeps what processes log from now on.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// record makes the processes that start from now on log into what it returns.
func (w *world) record() *record {
	r := new(record)
	w.log = slog.New(slog.NewTextHandler(r, nil))
	return r
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// says reports whether one line has all of these texts.
func (r *record) says(texts ...string) bool {
lines:
	for line := range strings.Lines(r.String()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		return true
	}
	return false
}
