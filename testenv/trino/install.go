package trino

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/audit-archiver/archiver/testenv/proc"
)

// sha256OfServer is of io.trino:trino-server:Version:tar.gz.
const sha256OfServer = "cfd5accde17e8ebd251eeeb78aed1f490e77bb3a164d95a0f454bf8a7c1cbd3f"

// dependencyPlugin is Maven's own tool to fetch one file; pinned like everything else.
const dependencyPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"

// Programs are what it takes to run a server.
type Programs struct {
	Java string // the java command
	Home string // the folder with Trino's lib and plugin
}

// installed remembers the outcome for the life of the process: a failure costs minutes.
var installed struct {
	once     sync.Once
	programs Programs
	err      error
}

// Install returns Trino and a Java that runs it, after fetching what is not there
// into the user's cache folder: some 1 GB to download, once. Processes that need it
// at the same time wait for one download.
func Install(ctx context.Context) (Programs, error) {
	installed.once.Do(func() { installed.programs, installed.err = install(ctx) })
	return installed.programs, installed.err
}

func install(ctx context.Context) (Programs, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Programs{}, err
	}
	dir := filepath.Join(cache, "archiver-testenv")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Programs{}, err
	}
	unlock, err := proc.Lock(filepath.Join(dir, "trino.lock"))
	if err != nil {
		return Programs{}, err
	}
	defer unlock()
	java, err := findJava(ctx, dir)
	if err != nil {
		return Programs{}, err
	}
	home := filepath.Join(dir, "trino-"+Version)
	if _, err := os.Stat(home); err == nil {
		return Programs{java, home}, nil
	}
	// Made beside and renamed, so that a folder of that name is always complete.
	tmp, err := os.MkdirTemp(dir, "trino-tmp-")
	if err != nil {
		return Programs{}, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := fetchServer(ctx, tmp); err != nil {
		return Programs{}, err
	}
	return Programs{java, home}, os.Rename(filepath.Join(tmp, "trino-server-"+Version), home)
}

// fetchServer leaves the folder trino-server-VERSION in tmp.
func fetchServer(ctx context.Context, tmp string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return errors.New("the server is fetched with Maven, which is not installed (Debian: apt-get install maven)")
	}
	fmt.Fprintf(os.Stderr, "fetching Trino %s, once: about 1 GB\n", Version)
	// A repository of its own, removed afterwards: nobody needs a second copy of 1 GB.
	cmd := exec.CommandContext(ctx, mvn, "-B", "-q", "-Dmaven.repo.local="+filepath.Join(tmp, "m2"),
		dependencyPlugin+":copy", "-Dartifact=io.trino:trino-server:"+Version+":tar.gz", "-DoutputDirectory="+tmp)
	cmd.Dir = tmp // outside any project
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch Trino with Maven: %w: %s", err, strings.TrimSpace(string(out)))
	}
	archive := filepath.Join(tmp, "trino-server-"+Version+".tar.gz")
	sum, err := fileSHA256(archive)
	if err != nil {
		return err
	}
	if sum != sha256OfServer {
		return fmt.Errorf("fetch Trino: SHA-256 is %s, must be %s", sum, sha256OfServer)
	}
	return extract(archive, tmp)
}

func fileSHA256(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
