package wire

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/audit-archiver/archiver/internal/durable"
)

// saved is what is kept for everybody: named queries and prepared statements. It is
// one small file, which is rewritten with each change.
type saved struct {
	file  string
	fixed []NamedQuery // of the program

	mu   sync.Mutex
	kept kept
}

type kept struct {
	Named    []namedQuery `json:"named"`
	Prepared []prepared   `json:"prepared"`
}

type namedQuery struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	SQL         string `json:"sql"`
	Token       string `json:"token,omitzero"`
}

type prepared struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	SQL         string    `json:"sql"`
	Modified    time.Time `json:"modified"`
}

// savedBytesMax bounds the file, and with it the memory that it takes.
const savedBytesMax = 8 << 20

func openSaved(dir string, fixed []NamedQuery) (*saved, error) {
	s := &saved{file: filepath.Join(dir, "saved.json"), fixed: fixed}
	raw, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s.kept)
	}
	if err != nil {
		return nil, fmt.Errorf("open saved queries %s: %w", s.file, err)
	}
	return s, nil
}

// change makes next of what is kept and stores it; on an error all is as before.
func (s *saved) change(f func(k *kept) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := kept{Named: slices.Clone(s.kept.Named), Prepared: slices.Clone(s.kept.Prepared)}
	if err := f(&next); err != nil {
		return err
	}
	raw, err := json.Marshal(next, json.Deterministic(true))
	if err != nil {
		return err
	}
	if len(raw) > savedBytesMax {
		return invalid("named queries and prepared statements would take more than %d bytes; delete some", savedBytesMax)
	}
	if err := durable.WriteFile(durable.OS(), s.file, raw, 0o600); err != nil {
		return fmt.Errorf("keep saved queries: %w", err)
	}
	s.kept = next
	return nil
}

// named returns all named queries, those of the program first.
func (s *saved) named() []namedQuery {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]namedQuery, 0, len(s.fixed)+len(s.kept.Named))
	for _, q := range s.fixed {
		all = append(all, namedQuery{ID: q.ID, Name: q.Name, Description: q.Description, SQL: q.SQL})
	}
	return append(all, s.kept.Named...)
}

func (s *saved) namedByID(id string) (namedQuery, error) {
	for _, q := range s.named() {
		if q.ID == id {
			return q, nil
		}
	}
	return namedQuery{}, invalid("NamedQuery %s was not found", id)
}

func (s *saved) preparedList() []prepared {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(slices.Values(s.kept.Prepared), func(a, b prepared) int { return cmp.Compare(a.Name, b.Name) })
}

// preparedByName finds a statement. As everywhere in SQL, case does not matter.
func (s *saved) preparedByName(name string) (prepared, error) {
	for _, p := range s.preparedList() {
		if strings.EqualFold(p.Name, name) {
			return p, nil
		}
	}
	return prepared{}, notFound(name, "PreparedStatement %s was not found", name)
}

func (s *saved) preparedText(name string) (string, error) {
	p, err := s.preparedByName(name)
	return p.SQL, err
}

// presence says what must be the case for a statement to be set.
type presence int

const (
	absent presence = iota
	present
	either
)

func (s *saved) setPrepared(p prepared, must presence) error {
	return s.change(func(k *kept) error {
		i := slices.IndexFunc(k.Prepared, func(old prepared) bool { return strings.EqualFold(old.Name, p.Name) })
		switch {
		case i >= 0 && must == absent:
			return invalid("PreparedStatement %s already exists", p.Name)
		case i < 0 && must == present:
			return notFound(p.Name, "PreparedStatement %s was not found", p.Name)
		case i >= 0:
			k.Prepared[i] = p
		default:
			k.Prepared = append(k.Prepared, p)
		}
		return nil
	})
}

func (s *saved) dropPrepared(name string) error {
	return s.change(func(k *kept) error {
		n := len(k.Prepared)
		k.Prepared = slices.DeleteFunc(k.Prepared, func(p prepared) bool { return strings.EqualFold(p.Name, name) })
		if len(k.Prepared) == n {
			return notFound(name, "PreparedStatement %s was not found", name)
		}
		return nil
	})
}
