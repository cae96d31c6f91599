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
)

// ceilingWord makes this program the ceiling server.
const ceilingWord = "ceiling-server"

// ceiling is the least that a server can do which answers when data is on disk:
// it reads the body, appends it to one growing file and syncs once for everybody
// who waits. It looks at nothing and could not give anything back.
type ceiling struct {
	*process
	address string
}

func startCeiling(_ context.Context, _ options, dir string) (server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var address string
	p, err := startProcess(exec.Command(self, ceilingWord, "127.0.0.1:0", filepath.Join(dir, "log")), func(r io.Reader) error {
		_, err := fmt.Fscanln(r, &address)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &ceiling{p, address}, nil
}

func (c *ceiling) connect(ctx context.Context, _ int, requests [][]record) (sender, error) {
	return connectHTTP(ctx, c.address, requests)
}

func (c *ceiling) settle(context.Context, int64) error { return nil }

func (c *ceiling) stop() error { return c.kill() }

// serveCeiling is the server; it runs until it is killed.
func serveCeiling(listen, file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	queue := make(chan write, 1024)
	go groupCommit(f, queue)
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(r.ContentLength, 0))
		if _, err := io.ReadFull(r.Body, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		done := make(chan error, 1)
		queue <- write{body, done}
		if err := <-done; err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
}

type write struct {
	body []byte
	done chan<- error
}

// groupCommit writes all that waits, syncs, and answers all of it.
func groupCommit(f *os.File, queue <-chan write) {
	var buf []byte
	var group []write
	for first := range queue {
		group, buf = append(group[:0], first), append(buf[:0], first.body...)
		for len(queue) > 0 && len(buf) < 4<<20 {
			w := <-queue
			group, buf = append(group, w), append(buf, w.body...)
		}
		_, err := f.Write(buf)
		if err == nil {
			err = syscall.Fdatasync(int(f.Fd()))
		}
		for _, w := range group {
			w.done <- err
		}
	}
}
