//go:build linux && (amd64 || arm64)

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestMain lets this program be the sandboxed one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "sandboxed" {
		os.Exit(sandboxed(os.Args[2]))
	}
	os.Exit(m.Run())
}

// world is what a prisoner is told.
type world struct {
	Root, File, Neighbour string // a folder to read, a file in it, another file in it
	Outside               string // a file that anybody may read
	TCP, Unix             string // addresses that somebody listens on
	OtherUser             bool
}

// verdict is what a prisoner found out.
type verdict struct {
	Report Report
	Before map[string]string // what worked although it must not: after Enter
	After  map[string]string // after Narrow
	Broken map[string]string // what did not work although it must
	UID    int
}

// Descriptors that sandboxed inherits.
const rootFD, writeFD = 3, 4

func sandboxed(arg string) int {
	var w world
	if err := json.Unmarshal([]byte(arg), &w); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	file, err := unix.Openat(rootFD, filepath.Base(w.File), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "open file:", err)
		return 1
	}
	// Threads from before, as those of a database would be.
	type look struct{ outside, neighbour error }
	looks, start := make(chan look), make(chan struct{})
	for range 4 {
		ready := make(chan struct{})
		go func() {
			runtime.LockOSThread() // a thread of its own
			close(ready)
			<-start
			var l look
			_, l.outside = os.ReadFile(w.Outside)
			_, l.neighbour = os.ReadFile("/proc/self/fd/3/" + filepath.Base(w.Neighbour))
			looks <- l
		}()
		<-ready
	}
	v := verdict{Broken: map[string]string{}}
	v.Report = Enter(Folders{Read: []int{rootFD}, Write: writeFD}, Limits{
		DataBytes: 1 << 30, FileBytes: 1 << 20, Files: 256, CPU: time.Minute, OtherUser: w.OtherUser,
	})
	v.UID = os.Geteuid()
	inside := func(when string) {
		for _, path := range []string{"/proc/self/fd/3/" + filepath.Base(w.File)} {
			if b, err := os.ReadFile(path); err != nil || len(b) == 0 {
				v.Broken[when+": read the file"] = fmt.Sprint(err)
			}
		}
		own := fmt.Sprintf("/proc/self/fd/%d/temp", writeFD)
		if err := errors.Join(os.WriteFile(own, []byte("x"), 0o600), os.Remove(own)); err != nil {
			v.Broken[when+": write an own file"] = err.Error()
		}
	}
	inside("entered")
	neighbour := "/proc/self/fd/3/" + filepath.Base(w.Neighbour)
	if _, err := os.ReadFile(neighbour); err != nil {
		v.Broken["entered: read the neighbour"] = err.Error()
	}
	v.Before = escapes(w)
	if err := Narrow(v.Report, allOf([]int{file}), writeFD); err != nil {
		v.Broken["narrow"] = err.Error()
	}
	inside("narrowed")
	v.After = escapes(w)
	if _, err := os.ReadFile(neighbour); err == nil {
		v.After["read the neighbour"] = "done"
	}
	close(start)
	for range 4 {
		l := <-looks
		if l.outside == nil {
			v.After["read outside on another thread"] = "done"
		}
		if l.neighbour == nil {
			v.After["read the neighbour on another thread"] = "done"
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		return 1
	}
	return 0
}

// escapes tries all that must not work and returns what did.
func escapes(w world) map[string]string {
	done := map[string]string{}
	try := func(name string, f func() error) {
		if err := f(); err == nil {
			done[name] = "done"
		}
	}
	call := func(nr uintptr, args ...uintptr) func() error {
		return func() error {
			var a [6]uintptr
			copy(a[:], args)
			_, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
			switch errno {
			case unix.EPERM, unix.ENOSYS, unix.EACCES:
				return errno
			}
			return nil // it worked, or the kernel had a look at the arguments
		}
	}
	parent := os.Getppid()
	of := func(name string) string { return "/proc/" + strconv.Itoa(parent) + "/" + name }
	open := func(path string, flags int) func() error {
		return func() error { return opened(unix.Open(path, flags|unix.O_CLOEXEC, 0o600)) }
	}
	inRoot := func(path string) string { return "/proc/self/fd/3/" + filepath.Base(path) }
	for _, path := range []string{w.Outside, "/etc/passwd", "/etc/hostname", "/", "/tmp", "/dev/mem", "/dev/urandom", of("mem"), of("environ"), of("maps"), of("fd/0"), "/proc/self/environ", "/proc/self/mem", "/sys/kernel/mm", "/proc/sys/kernel/core_pattern"} {
		try("read "+path, open(path, unix.O_RDONLY))
	}
	for _, path := range []string{w.File, w.Neighbour, w.Outside, inRoot(w.File), inRoot(w.Neighbour)} {
		try("write "+path, open(path, unix.O_WRONLY))
		try("truncate at opening "+path, open(path, unix.O_RDONLY|unix.O_TRUNC))
		try("append "+path, open(path, unix.O_WRONLY|unix.O_APPEND))
		try("truncate "+path, func() error { return unix.Truncate(path, 0) })
		try("chmod "+path, func() error { return unix.Chmod(path, 0o777) })
		try("chown "+path, func() error { return unix.Chown(path, 0, 0) })
		try("touch "+path, func() error { return unix.UtimesNanoAt(unix.AT_FDCWD, path, nil, 0) })
		try("remove "+path, func() error { return unix.Unlink(path) })
		try("rename "+path, func() error { return unix.Rename(path, path+".moved") })
		try("rename onto "+path, func() error { return unix.Rename("/proc/self/fd/4/temp", path) })
		try("link "+path, func() error { return unix.Link(path, "/proc/self/fd/4/link") })
		try("set an attribute of "+path, func() error { return unix.Setxattr(path, "user.x", []byte("x"), 0) })
	}
	for _, dir := range []string{w.Root, "/proc/self/fd/3", "/tmp", "/dev/shm"} {
		try("make a file in "+dir, open(dir+"/escaped", unix.O_WRONLY|unix.O_CREAT))
		try("make a nameless file in "+dir, open(dir, unix.O_RDWR|unix.O_TMPFILE))
		try("make a folder in "+dir, func() error { return unix.Mkdir(dir+"/escaped-folder", 0o700) })
		try("make a symlink in "+dir, func() error { return unix.Symlink("/etc/passwd", dir+"/escaped-link") })
		try("make a device in "+dir, func() error { return unix.Mknod(dir+"/escaped-device", unix.S_IFIFO|0o600, 0) })
		try("list "+dir, open(dir, unix.O_RDONLY|unix.O_DIRECTORY))
	}
	try("open by a folder's parent", open("/proc/self/fd/3/../"+filepath.Base(w.Outside), unix.O_RDONLY))
	for name, address := range map[string]string{"tcp": w.TCP, "unix": w.Unix, "udp": w.TCP} {
		try("connect "+name, func() error {
			c, err := net.Dial(name, address)
			if err == nil {
				_ = c.Close()
			}
			return err
		})
	}
	try("listen", func() error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err == nil {
			_ = l.Close()
		}
		return err
	})
	try("socketpair", func() error {
		_, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		return err
	})
	try("start a program", func() error { return exec.Command("/bin/true").Run() })
	try("start this program", func() error { return exec.Command("/proc/self/exe", "-test.run=^$").Run() })
	path, _ := unix.BytePtrFromString("/bin/true")
	try("execve", call(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), 0, 0))
	try("execveat", call(unix.SYS_EXECVEAT, 3, uintptr(unsafe.Pointer(path)), 0, 0, 0))
	try("fork", call(unix.SYS_CLONE, unix.CLONE_SIGHAND, 0, 0, 0, 0)) // flags that no kernel takes, should it come so far
	try("clone3", call(unix.SYS_CLONE3, 0, 0))
	try("trace the parent", call(unix.SYS_PTRACE, unix.PTRACE_ATTACH, uintptr(parent), 0, 0))
	try("read the parent's memory", call(unix.SYS_PROCESS_VM_READV, uintptr(parent), 0, 0, 0, 0, 0))
	try("signal the parent", func() error { return unix.Kill(parent, 0) })
	try("signal everybody", func() error { return unix.Kill(-1, 0) })
	try("signal the parent by a pipe", func() error {
		_, err := unix.FcntlInt(0, unix.F_SETOWN, parent)
		return err
	})
	try("signal the parent's thread", func() error { return unix.Tgkill(parent, parent, 0) })
	try("a handle of the parent", call(unix.SYS_PIDFD_OPEN, uintptr(parent), 0))
	try("become root", call(unix.SYS_SETUID, 0))
	try("change groups", call(unix.SYS_SETGROUPS, 0, 0))
	try("leave namespaces", func() error { return unix.Unshare(unix.CLONE_NEWUSER | unix.CLONE_NEWNS) })
	try("mount", func() error { return unix.Mount("none", "/tmp", "tmpfs", 0, "") })
	try("chroot", func() error { return unix.Chroot("/proc/self/fd/3") })
	try("memory as a file", func() error { return opened(unix.MemfdCreate("x", 0)) })
	try("io_uring", call(unix.SYS_IO_URING_SETUP, 1, 0))
	try("bpf", call(unix.SYS_BPF, 0, 0, 0))
	try("perf", call(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0))
	try("keys", call(unix.SYS_KEYCTL, 0, ^uintptr(2), 0))
	try("userfaultfd", call(unix.SYS_USERFAULTFD, 0))
	try("code in memory", func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		return err
	})
	try("raise a limit", func() error {
		return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20})
	})
	try("survive the parent", func() error { return unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0) })
	try("a shared memory segment", call(unix.SYS_SHMGET, 0, 4096, 0o1600))
	try("a handle of a file", func() error {
		_, _, err := unix.NameToHandleAt(unix.AT_FDCWD, w.Outside, 0)
		if err == nil {
			_, err = unix.OpenByHandleAt(3, unix.NewFileHandle(1, []byte("x")), 0)
		}
		return err
	})
	return done
}

func TestNothingEscapes(t *testing.T) {
	users := map[string]*syscall.Credential{"this user": nil}
	if os.Geteuid() == 0 {
		users["a plain user"] = &syscall.Credential{Uid: 1000, Gid: 1000, NoSetGroups: true}
	} else {
		t.Log("as root too: not tried, this is not root")
	}
	for name, user := range users {
		t.Run(name, func(t *testing.T) { testEscapes(t, user) })
	}
}

func testEscapes(t *testing.T, user *syscall.Credential) {
	dir, err := os.MkdirTemp("/tmp", "sandbox-test-") // where others may come, unlike t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := world{Root: filepath.Join(dir, "root"), Outside: filepath.Join(dir, "outside"), Unix: filepath.Join(dir, "socket"), OtherUser: user == nil}
	w.File, w.Neighbour = filepath.Join(w.Root, "file"), filepath.Join(w.Root, "neighbour")
	own := filepath.Join(dir, "own")
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	local, err := net.Listen("unix", w.Unix)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	w.TCP = tcp.Addr().String()
	for _, d := range []string{dir, w.Root, own} {
		if err := errors.Join(os.MkdirAll(d, 0o755), os.Chmod(d, 0o777)); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{w.File, w.Neighbour, w.Outside}
	for _, f := range files {
		if err := errors.Join(os.WriteFile(f, []byte("content"), 0o644), os.Chmod(f, 0o666)); err != nil { // all that keeps it is the sandbox
			t.Fatal(err)
		}
		if user != nil {
			if err := os.Chown(f, int(user.Uid), int(user.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	v := imprison(t, w, own, user)
	if !v.Report.Isolated() || v.Report.Landlock == 0 || !v.Report.Seccomp {
		t.Errorf("report %+v: this test needs Linux 5.13 with Landlock", v.Report)
	}
	for when, done := range map[string]map[string]string{"entered": v.Before, "narrowed": v.After, "broken": v.Broken} {
		for what, how := range done {
			t.Errorf("%s: %s: %s", when, what, how)
		}
	}
	if v.UID == 0 {
		t.Error("it is still root")
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); string(b) != "content" {
			t.Errorf("%s: %q, %v", f, b, err)
		}
	}
	if left, err := os.ReadDir(w.Root); err != nil || len(left) != 2 {
		t.Errorf("in the folder: %v, %v", left, err)
	}
}

// imprison runs this program in the sandbox.
func imprison(t *testing.T, w world, own string, user *syscall.Credential) (v verdict) {
	t.Helper()
	arg, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "sandboxed", string(arg))
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	for _, d := range []string{w.Root, own} {
		fd, err := unix.Open(d, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), d)
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s %s", err, out, errs.String())
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return v
}
