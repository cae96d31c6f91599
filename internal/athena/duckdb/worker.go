//go:build cgo

package duckdb

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/sandbox"
)

// WorkerCommand is the argument with which the program becomes a [Worker].
const WorkerCommand = "query-worker"

const (
	// startMost is how long a worker may take until it is ready.
	startMost = 30 * time.Second
	// memoryBeside is what a worker may have beside what DuckDB counts.
	memoryBeside = 512 << 20
	// openMost is how many files a worker may have open. A query may read more of them,
	// not at a time.
	openMost   = 4096
	watchEvery = 100 * time.Millisecond
	// wordsMost is how much of what a worker writes to standard error is kept.
	wordsMost = 4 << 10
)

// worker is the engine's side of one process. Its methods are for one goroutine,
// except kill.
type worker struct {
	o      *Options
	cmd    *exec.Cmd
	to     io.WriteCloser
	send   frameWriter
	from   frameReader
	dir    string
	words  words
	report sandbox.Report

	stop, watched chan struct{} // of watch
	gone          func() error  // waits for the end of the process, once
	over          func(func())  // at the end: does what is left to do

	mu  sync.Mutex
	why error // of the first kill
}

// atOnce is what a worker does at its end that was not given away.
func atOnce(rest func()) { rest() }

// startWorker starts a process and waits until it is ready for its query. warm is what
// warmUp has written, below one of o.Roots; without a name there is nothing.
func startWorker(ctx context.Context, o *Options, warm jobFile) (_ *worker, err error) {
	w := &worker{o: o, over: atOnce}
	if w.dir, err = os.MkdirTemp(o.Dir, "worker-"); err != nil {
		return nil, err
	}
	otherUser, err := handOver(o.Roots, w.dir)
	if err == nil {
		err = w.run()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(w.dir))
	}
	ctx, cancel := context.WithTimeout(ctx, startMost)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { w.kill(context.Cause(ctx)) })
	defer stop()
	err = w.greet(hello{
		Roots: o.Roots, Dir: w.dir, Warm: warm, MemoryBytes: o.MemoryBytes, TempBytes: o.TempBytes, Threads: o.Threads,
		Limits: sandbox.Limits{
			DataBytes: o.MemoryBytes + memoryBeside, FileBytes: o.TempBytes, Files: openMost, OtherUser: otherUser,
			CPU: time.Duration(o.Threads+1) * o.Timeout,
		},
	})
	if err != nil {
		w.close()
		if errors.Is(err, athena.ErrTooBig) { // it has met no query yet
			err = fmt.Errorf("%w at its start: %v", athena.ErrCrashed, err) //nolint:errorlint // no fault of the query
		}
		return nil, err
	}
	return w, nil
}

// run starts the process: with nothing in its environment, in no folder of ours,
// and nothing open but what it needs.
func (w *worker) run() error {
	path, err := program()
	if err != nil {
		return err
	}
	folders, err := openFolders(slices.Concat(w.o.Roots, []string{w.dir})...)
	defer func() {
		for _, f := range folders {
			_ = f.Close() // the worker has its own
		}
	}()
	if err != nil {
		return err
	}
	w.cmd = &exec.Cmd{
		Path: path, Args: append([]string{os.Args[0]}, w.o.workerArgs...), Env: []string{"TZ=UTC"}, Dir: string(filepath.Separator),
		ExtraFiles: folders, Stderr: &w.words, SysProcAttr: processAttributes(),
	}
	if w.to, err = w.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return errors.Join(err, w.to.Close())
	}
	if err := w.cmd.Start(); err != nil {
		return err
	}
	w.gone = sync.OnceValue(w.cmd.Wait)
	w.send = frameWriter{bufio.NewWriter(w.to)}
	w.from = frameReader{r: bufio.NewReaderSize(out, rowsUsual)}
	return nil
}

func (w *worker) greet(h hello) error {
	if err := w.send.sendJSON(kindHello, h); err != nil {
		return w.broken(err)
	}
	body, err := w.receive(kindReady)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &w.report); err != nil {
		return fmt.Errorf("start query worker: it says %q", clip(string(body)))
	}
	return nil
}

// ask sends one text and receives one.
func (w *worker) ask(k kind, text string) (string, error) {
	if err := w.send.send(k, []byte(text)); err != nil {
		return "", w.broken(err)
	}
	body, err := w.receive(kindText)
	return string(body), err
}

func (w *worker) sendJob(j *job) error {
	if err := w.send.sendJSON(kindJob, j); err != nil {
		return w.broken(err)
	}
	return nil
}

// receive takes a frame of one kind.
func (w *worker) receive(want kind) ([]byte, error) {
	k, body, err := w.next()
	if err == nil && k != want {
		return nil, w.broken(fmt.Errorf("frame %q in place of %q", byte(k), byte(want)))
	}
	return body, err
}

// next takes a frame.
func (w *worker) next() (kind, []byte, error) {
	k, body, err := w.from.next()
	if err != nil {
		return 0, nil, w.broken(err)
	}
	if k != kindError {
		return k, body, nil
	}
	var f failure
	if err := json.Unmarshal(body, &f); err != nil {
		return 0, nil, w.broken(err)
	}
	return 0, nil, f.err()
}

// kill ends the process. The first reason is the one that counts.
func (w *worker) kill(why error) {
	w.mu.Lock()
	if w.why == nil {
		w.why = why
	}
	w.mu.Unlock()
	_ = w.cmd.Process.Kill() // it may be gone
}

// broken says why nothing sensible comes from the worker any more.
func (w *worker) broken(err error) error {
	w.mu.Lock()
	why := w.why
	w.mu.Unlock()
	if why != nil {
		return why
	}
	_ = w.cmd.Process.Kill() // its pipe ended before it did, if at all
	gone := w.gone()
	var exit *exec.ExitError
	if !errors.As(gone, &exit) {
		return fmt.Errorf("query worker: it ended too early: %v", err) //nolint:errorlint // an io.EOF would be the end of an answer
	}
	return w.death(exit.ProcessState, err)
}

// death says what the end of a process means to its query.
func (w *worker) death(state *os.ProcessState, err error) error {
	said := w.words.String()
	for _, words := range []string{"out of memory", "cannot allocate memory", "bad_alloc"} {
		if strings.Contains(said, words) {
			return overrun(fmt.Sprintf("it takes more than %d bytes of memory; narrow it, or raise query.memory_bytes", w.o.MemoryBytes))
		}
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	switch cut := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE); {
	case !cut: // it was ended because of what it said, or what cannot be said to it
		return fmt.Errorf("%w: %v", athena.ErrCrashed, err) //nolint:errorlint // as in broken
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		return overrun("the system stopped it: there is no more memory, or it took too much processor time; narrow it")
	case status.Signaled() && status.Signal() == syscall.SIGXFSZ:
		return overrun(fmt.Sprintf("a temporary file takes more than %d bytes; narrow it, or raise query.temp_bytes", w.o.TempBytes))
	case status.Signaled() || state.ExitCode() == 2: // 2: Go's runtime met a signal
		return fmt.Errorf("%w: its process ended with %s", athena.ErrCrashed, state)
	}
	return fmt.Errorf("query worker: it ended too early (%s)", state)
}

func overrun(detail string) error { return &athena.Error{Kind: athena.ErrTooBig, Detail: detail} }

// watch ends the process when ctx ends, or when it has more than it may have.
func (w *worker) watch(ctx context.Context) {
	w.stop, w.watched = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(w.watched)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				w.kill(context.Cause(ctx))
				return
			case <-w.stop:
				return
			case <-tick.C:
				if err := w.overrun(); err != nil {
					w.kill(err)
				}
			}
		}
	}()
}

// overrun looks at what DuckDB's own limits may have missed.
func (w *worker) overrun() error {
	if used, err := residentBytes(w.cmd.Process.Pid); err == nil && used > w.o.MemoryBytes+memoryBeside {
		return overrun(fmt.Sprintf("it takes more than %d bytes of memory; narrow it, or raise query.memory_bytes", w.o.MemoryBytes))
	}
	if used := folderBytes(w.dir); used > w.o.TempBytes {
		return overrun(fmt.Sprintf("its temporary files take more than %d bytes; narrow it, or raise query.temp_bytes", w.o.TempBytes))
	}
	return nil
}

// folderBytes is what the files of a worker take. Files come and go meanwhile.
func folderBytes(dir string) (sum int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// close ends the process. Once.
func (w *worker) close() {
	w.kill(errors.New("the query is over"))
	if w.stop != nil {
		close(w.stop)
		<-w.watched
	}
	w.over(w.clear)
}

// clear removes what the process leaves behind.
func (w *worker) clear() {
	_ = w.gone()     // it was killed
	_ = w.to.Close() // nobody reads it any more
	if said := w.words.String(); said != "" {
		w.o.Log.Warn("a query worker wrote to standard error", "text", said)
	}
	if err := os.RemoveAll(w.dir); err != nil {
		w.o.Log.Warn("the folder of a query worker stays behind until the next start", "error", err)
	}
}

// words keeps the beginning of what a process writes. It is read after its end.
type words struct{ kept []byte }

func (w *words) Write(p []byte) (int, error) {
	w.kept = append(w.kept, p[:min(len(p), wordsMost-len(w.kept))]...)
	return len(p), nil
}

func (w *words) String() string { return string(w.kept) }
