package wire

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
)

// namedRequest is the input of all operations on named queries.
type namedRequest struct {
	NamedQueryId       string //nolint:revive // Athena's spelling
	Name               string
	Description        string
	Database           string
	QueryString        string
	WorkGroup          string
	ClientRequestToken string
}

func (in *namedRequest) check(s *Server) error {
	switch n := utf8.RuneCountInString(in.Name); {
	case n < 1 || n > 128:
		return invalid("Name must have 1 to 128 characters, not %d", n)
	case utf8.RuneCountInString(in.Description) > 1024:
		return invalid("Description must have at most 1024 characters")
	case strings.TrimSpace(in.QueryString) == "" || len(in.QueryString) > athena.MaxSQLBytes:
		return invalid("QueryString must have 1 to %d bytes", athena.MaxSQLBytes)
	case in.Database != "" && !strings.EqualFold(in.Database, s.o.Database):
		return invalid("Database %s does not exist; the database is %s", in.Database, s.o.Database)
	}
	return checkWorkGroup(in.WorkGroup)
}

func (s *Server) createNamed(c *call) (any, error) {
	var in namedRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if c.who.Role != Admin {
		return nil, denied(c, "keep named queries")
	}
	if err := in.check(s); err != nil {
		return nil, err
	}
	id := uuid.NewString()
	err := s.saved.change(func(k *kept) error {
		for _, q := range k.Named {
			if in.ClientRequestToken != "" && q.Token == in.ClientRequestToken {
				id = q.ID
				return nil
			}
		}
		k.Named = append(k.Named, namedQuery{ID: id, Name: in.Name, Description: in.Description, SQL: in.QueryString, Token: in.ClientRequestToken})
		return nil
	})
	return object{"NamedQueryId": id}, err
}

// changeNamed finds a kept named query for f.
func (s *Server) changeNamed(c *call, id string, f func(k *kept, i int)) error {
	if c.who.Role != Admin {
		return denied(c, "change named queries")
	}
	for _, q := range s.o.Named {
		if q.ID == id {
			return invalid("NamedQuery %s comes with the program and cannot be changed", id)
		}
	}
	return s.saved.change(func(k *kept) error {
		for i, q := range k.Named {
			if q.ID == id {
				f(k, i)
				return nil
			}
		}
		return invalid("NamedQuery %s was not found", id)
	})
}

func (s *Server) updateNamed(c *call) (any, error) {
	var in namedRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := in.check(s); err != nil {
		return nil, err
	}
	return object{}, s.changeNamed(c, in.NamedQueryId, func(k *kept, i int) {
		q := &k.Named[i]
		q.Name, q.Description, q.SQL = in.Name, in.Description, in.QueryString
	})
}

func (s *Server) deleteNamed(c *call) (any, error) {
	var in namedRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	return object{}, s.changeNamed(c, in.NamedQueryId, func(k *kept, i int) { k.Named = append(k.Named[:i], k.Named[i+1:]...) })
}

func (s *Server) describeNamed(q namedQuery) object {
	return object{"NamedQueryId": q.ID, "Name": q.Name, "Description": q.Description, "Database": s.o.Database, "QueryString": q.SQL, "WorkGroup": workGroup}
}

func (s *Server) getNamed(c *call) (any, error) {
	var in namedRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	q, err := s.saved.namedByID(in.NamedQueryId)
	if err != nil {
		return nil, err
	}
	return object{"NamedQuery": s.describeNamed(q)}, nil
}

func (s *Server) batchGetNamed(c *call) (any, error) {
	var in struct{ NamedQueryIds []string } //nolint:revive // Athena's spelling
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if n := len(in.NamedQueryIds); n < 1 || n > batchMax {
		return nil, invalid("NamedQueryIds must have 1 to %d ids, not %d", batchMax, n)
	}
	found, missing := []any{}, []any{}
	for _, id := range in.NamedQueryIds {
		if q, err := s.saved.namedByID(id); err == nil {
			found = append(found, s.describeNamed(q))
		} else {
			missing = append(missing, object{"NamedQueryId": id, "ErrorCode": codeInput, "ErrorMessage": "NamedQuery was not found"})
		}
	}
	return object{"NamedQueries": found, "UnprocessedNamedQueryIds": missing}, nil
}

func (s *Server) listNamed(c *call) (any, error) {
	all := s.saved.named()
	from, to, next, err := window(c, len(all))
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, q := range all[from:to] {
		ids = append(ids, q.ID)
	}
	return withToken(object{"NamedQueryIds": ids}, next), nil
}

// window is a page of a list of n in memory; its token is a position.
func window(c *call, n int) (from, to int, next string, err error) {
	var in listRequest
	if err := c.read(&in); err != nil {
		return 0, 0, "", err
	}
	size, err := in.pageSize(50)
	if err := errors.Join(err, checkWorkGroup(in.WorkGroup)); err != nil {
		return 0, 0, "", err
	}
	if in.NextToken != "" {
		if from, err = strconv.Atoi(in.NextToken); err != nil || from < 0 {
			return 0, 0, "", badToken()
		}
	}
	from = min(from, n)
	to = min(from+size, n)
	if to < n {
		next = strconv.Itoa(to)
	}
	return from, to, next, nil
}
