package wire

import (
	"regexp"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

var validPrepared = regexp.MustCompile(`^` + preparedName + `$`)

type preparedRequest struct {
	StatementName  string
	QueryStatement string
	Description    string
	WorkGroup      string
}

func (s *Server) setPrepared(c *call, must presence) (any, error) {
	var in preparedRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	switch {
	case c.who.Role != Admin:
		return nil, denied(c, "change prepared statements")
	case !validPrepared.MatchString(in.StatementName):
		return nil, invalid("StatementName must be a letter or _, then up to 255 letters, digits, _, @ and :")
	case strings.TrimSpace(in.QueryStatement) == "" || len(in.QueryStatement) > athena.MaxSQLBytes:
		return nil, invalid("QueryStatement must have 1 to %d bytes", athena.MaxSQLBytes)
	}
	if err := checkWorkGroup(in.WorkGroup); err != nil {
		return nil, err
	}
	return object{}, s.saved.setPrepared(prepared{Name: in.StatementName, Description: in.Description, SQL: in.QueryStatement, Modified: s.o.Now()}, must)
}

func (s *Server) createPrepared(c *call) (any, error) { return s.setPrepared(c, absent) }
func (s *Server) updatePrepared(c *call) (any, error) { return s.setPrepared(c, present) }

func (s *Server) deletePrepared(c *call) (any, error) {
	var in preparedRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if c.who.Role != Admin {
		return nil, denied(c, "change prepared statements")
	}
	return object{}, s.saved.dropPrepared(in.StatementName)
}

func describePrepared(p prepared) object {
	return object{"StatementName": p.Name, "QueryStatement": p.SQL, "Description": p.Description, "WorkGroupName": workGroup, "LastModifiedTime": epoch(p.Modified)}
}

func (s *Server) getPrepared(c *call) (any, error) {
	var in preparedRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	p, err := s.saved.preparedByName(in.StatementName)
	if err != nil {
		return nil, err
	}
	return object{"PreparedStatement": describePrepared(p)}, nil
}

func (s *Server) batchGetPrepared(c *call) (any, error) {
	var in struct{ PreparedStatementNames []string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if n := len(in.PreparedStatementNames); n < 1 || n > batchMax {
		return nil, invalid("PreparedStatementNames must have 1 to %d names, not %d", batchMax, n)
	}
	found, missing := []any{}, []any{}
	for _, name := range in.PreparedStatementNames {
		if p, err := s.saved.preparedByName(name); err == nil {
			found = append(found, describePrepared(p))
		} else {
			missing = append(missing, object{"StatementName": name, "ErrorCode": codeInput, "ErrorMessage": "PreparedStatement was not found"})
		}
	}
	return object{"PreparedStatements": found, "UnprocessedPreparedStatementNames": missing}, nil
}

func (s *Server) listPrepared(c *call) (any, error) {
	all := s.saved.preparedList()
	from, to, next, err := window(c, len(all))
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, p := range all[from:to] {
		list = append(list, object{"StatementName": p.Name, "LastModifiedTime": epoch(p.Modified)})
	}
	return withToken(object{"PreparedStatements": list}, next), nil
}
