//go:build linux

package faults

import (
	"os"
	"strings"
	"testing"
)

// TestFaultB38Credentials: the credentials do not work. Events are taken, /readyz
// says what is wrong, and with new ones in the file everything goes out, without
// a restart. (The file is read again after a minute, so this test takes one.)
func TestFaultB38Credentials(t *testing.T) {
	need(t, all)
	s := newSite(t)
	s.edit(t, "archive:\n", "archive:\n  start_offline: true\n")
	v := s.start(t, how{})
	v.stored(t, 3)
	v.stop(t)
	good, err := os.ReadFile(s.cfg.CredentialsFile)
	if err != nil {
		t.Fatal(err)
	}
	rotate := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(s.cfg.CredentialsFile, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rotate([]byte(strings.Replace(string(good), "aws_secret_access_key = ", "aws_secret_access_key = old", 1)))
	v = s.start(t, how{})
	v.stored(t, 5)
	await(t, "the bucket refuses", func() (bool, string) {
		status, text := v.readyz()
		return status == 200 && strings.Contains(text, "failing since"), text
	})
	rotate(good)
	v.archived(t)
	v.stop(t)
	s.settle(t)
}

// TestFaultB33Outages: the connections to the bucket break again and again, in the
// middle of whatever is under way, and the server is asked to archive meanwhile.
// There is one version of each object, and every event is there once.
func TestFaultB33Outages(t *testing.T) {
	need(t, short)
	rounds := map[level]int{short: 20, all: 200}[levelOf(t)]
	s := newSite(t)
	v := s.start(t, how{})
	for i := range rounds {
		v.stored(t, 1+i)
		s.gate.set(true)
		v.stored(t, 1)
		s.gate.set(false)
	}
	v.archived(t)
	v.stop(t)
	s.settle(t)
}
