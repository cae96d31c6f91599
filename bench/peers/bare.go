package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/proc"
	"github.com/audit-archiver/archiver/internal/event"
)

// serveWord makes this program one of its own peers: `peers serve handler`, `peers serve log FILE`, `peers serve nats FOLDER`.
const serveWord = "serve"

// serve is such a peer. It prints its address and runs until it is killed.
func serve(args []string) error {
	switch {
	case len(args) == 1 && args[0] == handlerName:
		return serveHTTP(nil)
	case len(args) == 2 && args[0] == logName:
		f, err := zeros(args[1])
		if err != nil {
			return err
		}
		queue := make(chan write, 1024)
		go groupCommit(f, queue)
		return serveHTTP(queue)
	case len(args) == 2 && args[0] == natsName:
		return serveNATS(args[1])
	}
	return fmt.Errorf("serve %q: no such peer", args)
}

const (
	handlerName = "handler"
	logName     = "log"
)

// bare is a server of this file: net/http reads the body and answers. The handler does nothing else and is the
// ceiling of what any HTTP server in Go can take. The log writes the body into one file that was filled with zeros
// before, from its beginning again when it is full, and syncs once for everybody who waits: nobody who syncs before
// answering does much less. Neither looks at what it gets, and neither could give anything back.
type bare struct {
	*proc.Process
	address string
}

func startBare(name string) startFunc {
	return func(_ context.Context, _ options, dir string) (load.Server, error) {
		b := &bare{}
		args := []string{name}
		if name == logName {
			args = append(args, filepath.Join(dir, "log"))
		}
		p, address, err := startSelf(args...)
		b.Process, b.address = p, address
		return b, err
	}
}

// startSelf starts this program as a peer.
func startSelf(args ...string) (*proc.Process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	var address string
	p, err := proc.Start(exec.Command(self, append([]string{serveWord}, args...)...), func(r io.Reader) error {
		_, err := fmt.Fscanln(r, &address)
		return err
	})
	return p, address, err
}

func (b *bare) Connect(ctx context.Context, client int, requests [][]event.Event) (load.Sender, error) {
	return load.ConnectHTTP(ctx, b.address, client, requests)
}

// Settle has nothing to wait for.
func (b *bare) Settle(context.Context) error { return nil }

// Held has nobody to ask: neither could give anything back.
func (b *bare) Held(context.Context, int64) (load.Kept, error) { return load.Kept{}, nil }

func (b *bare) Stop() error { return b.Kill() }

// serveHTTP reads bodies and hands them to the queue, if there is one.
func serveHTTP(queue chan<- write) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(r.ContentLength, 0))
		if _, err := io.ReadFull(r.Body, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if queue != nil {
			done := make(chan error, 1)
			queue <- write{body, done}
			if err := <-done; err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		_, _ = io.WriteString(w, "{}")
	}))
}

type write struct {
	body []byte
	done chan<- error
}

// logBytes is the size of the log's file.
const logBytes = 256 << 20

// zeros makes the log's file. A sync of what was written before need not wait for the file system's own notes.
func zeros(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	block := make([]byte, 1<<20)
	for at := int64(0); at < logBytes; at += int64(len(block)) {
		if _, err := f.WriteAt(block, at); err != nil {
			return nil, err
		}
	}
	return f, f.Sync()
}

// groupCommit writes all that waits, syncs, and answers all of it.
func groupCommit(f *os.File, queue <-chan write) {
	var buf []byte
	var group []write
	var at int64
	for first := range queue {
		group, buf = append(group[:0], first), append(buf[:0], first.body...)
		for len(queue) > 0 && len(buf) < 4<<20 {
			w := <-queue
			group, buf = append(group, w), append(buf, w.body...)
		}
		if at+int64(len(buf)) > logBytes {
			at = 0
		}
		_, err := f.WriteAt(buf, at)
		at += int64(len(buf))
		if err == nil {
			err = syscall.Fdatasync(int(f.Fd()))
		}
		for _, w := range group {
			w.done <- err
		}
	}
}
