package drill

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/repair"
	"github.com/audit-archiver/archiver/testenv/pyverify"
)

// TestDrill does each drill on each store: the auditor who was here before, the one
// who never was and the one in Python say what was done and nothing else; then
// `archiver repair` does what it can.
func TestDrill(t *testing.T) {
	pyverify.Need(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			if store.name != "embedded" {
				need(t)
			}
			server := store.start(t)
			for i := range drills {
				d := &drills[i]
				if d.embedded && store.name != "embedded" {
					continue
				}
				t.Run(d.name, func(t *testing.T) {
					if d.mends != over { // one of them is always held
						need(t)
					}
					s := newScene(t, store.name, server)
					s.untouched()
					s.hold(d)
				})
			}
		})
	}
}

func (s *scene) hold(d *drill) {
	s.t.Helper()
	want := d.do(s)
	if f := want[0]; f.Kind != d.kind || f.Level != d.level {
		s.t.Fatalf("the table says %s on level %d: %s", d.kind, d.level, f)
	}
	var args []string
	if d.full {
		args = append(args, "--full")
	}
	for range 2 { // what was found stays found
		s.says("who was here before", s.remembering(args...), want)
	}
	blank := s.blank("--levels", "1-3")
	if d.remember {
		s.says("who never was here", blank, nil)
	} else {
		s.says("who never was here", blank, want)
	}
	s.agree(blank)
	s.repair(d, args, want)
}

// says compares a verdict with what was done.
func (s *scene) says(who string, v verdict, want []found) {
	s.t.Helper()
	var lines []string
	for _, f := range want {
		lines = append(lines, f.String())
	}
	slices.Sort(lines)
	result := "VIOLATION"
	if len(want) == 0 {
		result = "OK"
	}
	if got := v.violations(); v.Result != result || !slices.Equal(got, lines) {
		s.t.Errorf("%s says %s, want %s\ngot  %s\nwant %s\nunchecked %+v", who, v.Result, result, strings.Join(got, "\n     "), strings.Join(lines, "\n     "), v.Unchecked)
	}
}

// repair lets `archiver repair` do what it can, and asks the auditor again.
func (s *scene) repair(d *drill, args []string, want []found) {
	s.t.Helper()
	dry, code := s.repaired()
	switch {
	case d.mends == no || d.mends == blind:
		if len(dry.Steps) > 0 || (len(dry.Left) > 0) != (d.mends == no) || (code == 3) != (d.mends == no) {
			s.t.Errorf("a dry run ends with code %d, steps %+v, left %+v", code, dry.Steps, dry.Left)
		}
		return
	case code != 3 || len(dry.Steps) == 0 || (len(dry.Left) > 0) != (d.mends == partly):
		s.t.Fatalf("a dry run ends with code %d, steps %+v, left %+v", code, dry.Steps, dry.Left)
	}
	s.says("after a dry run, the auditor", s.remembering(args...), want)
	done, code := s.repaired("--apply")
	wantCode, rest := 0, []found(nil)
	if d.mends == partly {
		wantCode, rest = 3, want[:1]
	}
	if code != wantCode || !slices.EqualFunc(done.Steps, dry.Steps, func(a, b repair.Step) bool { return a.Done && a.Do == b.Do && a.Key == b.Key }) {
		s.t.Fatalf("repair ends with code %d, steps %+v, left %+v", code, done.Steps, done.Left)
	}
	after := s.blank("--levels", "1-3")
	s.says("after the repair, who was here before", s.remembering(args...), rest)
	s.says("after the repair, who never was here", after, rest)
	if information := len(after.Findings) > len(rest); information != (d.mends == over) {
		s.t.Errorf("after the repair: %v", after.Findings)
	}
	s.agree(after)
	if again, code := s.repaired("--apply"); code != wantCode || len(again.Steps) > 0 {
		s.t.Errorf("a second repair ends with code %d, steps %+v", code, again.Steps)
	}
}

func (s *scene) repaired(args ...string) (r repair.Report, code int) {
	s.t.Helper()
	out, code := s.run(append([]string{"repair", "--json"}, args...)...)
	if err := json.Unmarshal(out, &r); err != nil {
		s.t.Fatalf("repair: exit code %d, %v: %s", code, err, out)
	}
	return r, code
}
