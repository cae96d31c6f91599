package athena

import (
	"fmt"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/parquet"
)

// TableOptions say where the archive lies and what it may hold.
type TableOptions struct {
	Database string // Athena database; "" leaves the name unqualified
	Table    string // default audit_logs
	Bucket   string // required
	Prefix   string // of the archive in the bucket, without slashes at the ends; may be empty

	// Classes are all retention classes that the archive lists. A class that is
	// missing here is silently invisible in Athena.
	Classes []string
	// Floor is the earliest timestamp that the archive accepts; days before it
	// are not looked for.
	Floor time.Time
}

// DDL returns the statement that declares the table in Athena, with partition
// projection: no partition ever has to be added. The range of days ends at
// NOW+2DAYS because an event may be up to 24 hours ahead of its arrival.
func DDL(o TableOptions) (string, error) {
	if err := o.check(); err != nil {
		return "", fmt.Errorf("table definition: %w", err)
	}
	name := hiveName(o.table())
	if o.Database != "" {
		name = hiveName(o.Database) + "." + name
	}
	var columns, partitions []string
	for _, c := range parquet.Schema() {
		// Some clients split scripts at every semicolon, quoted or not.
		line := "  " + hiveName(c.Name) + " " + c.HiveType + " COMMENT " + hiveString(strings.ReplaceAll(c.Comment, ";", ","))
		if c.Partition {
			partitions = append(partitions, line)
		} else {
			columns = append(columns, line)
		}
	}
	location := o.location()
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE EXTERNAL TABLE IF NOT EXISTS %s (\n%s\n)\n", name, strings.Join(columns, ",\n"))
	fmt.Fprintf(&b, "PARTITIONED BY (\n%s\n)\n", strings.Join(partitions, ",\n"))
	fmt.Fprintf(&b, "STORED AS PARQUET\nLOCATION %s\nTBLPROPERTIES (\n", hiveString(location))
	properties := o.properties()
	for i, p := range properties {
		comma := ","
		if i == len(properties)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "  %s = %s%s\n", hiveString(p[0]), hiveString(p[1]), comma)
	}
	b.WriteString(");\n")
	return b.String(), nil
}

// location is where the files are.
func (o *TableOptions) location() string {
	if o.Prefix == "" {
		return "s3://" + o.Bucket + "/events/"
	}
	return "s3://" + o.Bucket + "/" + o.Prefix + "/events/"
}

// days is the range of dt, as partition projection writes it.
func (o *TableOptions) days() (from, to string) {
	return o.Floor.UTC().Format("2006-01-02"), "NOW+2DAYS"
}

// properties are the table's, in the order in which they are printed.
func (o *TableOptions) properties() [][2]string {
	from, to := o.days()
	return [][2]string{
		{"classification", "parquet"},
		{"projection.enabled", "true"},
		{"projection.retention.type", "enum"},
		{"projection.retention.values", strings.Join(o.Classes, ",")},
		{"projection.dt.type", "date"},
		{"projection.dt.format", "yyyy-MM-dd"},
		{"projection.dt.range", from + "," + to},
		{"projection.dt.interval", "1"},
		{"projection.dt.interval.unit", "DAYS"},
		{"storage.location.template", o.location() + "retention=${retention}/dt=${dt}/"},
	}
}

func (o *TableOptions) table() string {
	if o.Table == "" {
		return "audit_logs"
	}
	return o.Table
}

func (o *TableOptions) check() error {
	switch {
	case o.Bucket == "":
		return fmt.Errorf("bucket must be set")
	case strings.ContainsAny(o.Bucket+o.Prefix, "'\\\"$\n\r") || strings.Trim(o.Prefix, "/") != o.Prefix:
		return fmt.Errorf("bucket %q or prefix %q cannot be written in a location", o.Bucket, o.Prefix)
	case len(o.Classes) == 0:
		return fmt.Errorf("the archive must list a retention class")
	case o.Floor.IsZero():
		return fmt.Errorf("floor must be set")
	}
	for _, c := range o.Classes {
		if c == "" || strings.Trim(c, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return fmt.Errorf("retention class %q is impossible", c)
		}
	}
	return nil
}

// hiveName quotes every name that is not certainly harmless: timestamp is a
// reserved word in Athena's DDL.
func hiveName(s string) string {
	for _, known := range []string{"timestamp", "action", "stream", "date", "user", "end", "values", "table"} {
		if s == known {
			return "`" + s + "`"
		}
	}
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && (s[0] < '0' || s[0] > '9') && s[0] != '_' {
		return s
	}
	return "`" + strings.ReplaceAll(s, "`", "``") + "`"
}

func hiveString(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// Marks are the parts of a statement of DDL or TrinoDDL that make a table this one:
// each column with its type, and each string of its properties. Another spelling of
// the same table has them too, but for quotes of names, blanks and case.
func Marks(ddl string) []string {
	var marks []string
	for line := range strings.Lines(ddl) {
		line = strings.TrimSuffix(strings.TrimSpace(line), ",")
		switch column, _, ok := strings.Cut(line, " COMMENT "); {
		case ok:
			marks = append(marks, column)
		case strings.HasPrefix(line, "'"), strings.HasPrefix(line, "external_location"), strings.HasPrefix(line, "partition_projection"):
			marks = append(marks, line)
		case strings.HasPrefix(line, "LOCATION "):
			marks = append(marks, strings.TrimPrefix(line, "LOCATION "))
		case strings.HasPrefix(line, "WITH (partition_projection"):
			inner := strings.TrimSuffix(strings.TrimPrefix(line, "WITH ("), ")")
			for _, p := range strings.Split(inner, ", partition_") {
				if _, value, _ := strings.Cut(p, " = "); len(value) > 1 { // a 1 is everywhere
					marks = append(marks, value)
				}
			}
		}
	}
	return marks
}
