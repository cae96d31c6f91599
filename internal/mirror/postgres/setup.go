package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

//go:embed setup.sql
var setupSQL string

const (
	// leastVersion of PostgreSQL: row triggers before UPDATE on partitioned tables need
	// 13, and 14 is the oldest that is still maintained.
	leastVersion = 14
	// setupVersion is the version of setup.sql that this program works with.
	setupVersion = 1
)

// The roles that Setup makes when it is told no others.
const (
	DefaultOwner  = "audit_owner"
	DefaultWriter = "audit_mirror"
	DefaultReader = "audit_reader"
)

// Setup says what to make in a database.
type Setup struct {
	Schema                string // made when it is missing
	Owner, Writer, Reader string // roles; made when they are missing
	Archive               uuid.UUID
	KeepMonths            int // 0: rows are kept for ever
}

// roleName is stricter than PostgreSQL, which takes 63 bytes of anything.
var roleName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// SQL returns the statements that make tables, triggers, functions and roles, as one
// transaction. Running it again mends what was changed and keeps the rows.
func (s Setup) SQL() (string, error) {
	roles := map[string]bool{}
	for _, n := range []string{s.Schema, s.Owner, s.Writer, s.Reader} {
		if !roleName.MatchString(n) {
			return "", fmt.Errorf("%q is not a lower-case letter and up to 62 letters, digits or underscores", n)
		}
	}
	roles[s.Owner], roles[s.Writer], roles[s.Reader] = true, true, true
	switch {
	case len(roles) != 3:
		return "", errors.New("owner, writer and reader must be three roles")
	case s.Archive == uuid.Nil || s.KeepMonths < 0:
		return "", errors.New("the archive must be named, and months not be negative")
	}
	name := func(n string) string { return pgx.Identifier{n}.Sanitize() }
	t, err := template.New("setup.sql").Funcs(template.FuncMap{
		"name":    name,
		"table":   func(n string) string { return name(s.Schema) + "." + n },
		"literal": func(v any) string { return "'" + strings.ReplaceAll(fmt.Sprint(v), "'", "''") + "'" },
	}).Parse(setupSQL)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, struct {
		Setup
		Least, Version int
	}{s, leastVersion, setupVersion})
	return b.String(), err
}

// Apply runs the statements as whom the connection says: a superuser, or a role that
// may create roles and owns the database or the schema. All of it is done, or nothing.
func (s Setup) Apply(ctx context.Context, c Connection) (err error) {
	sql, err := s.SQL()
	if err != nil {
		return err
	}
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hangUp(conn)) }()
	if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("set up schema %s: %w", s.Schema, err)
	}
	return nil
}
