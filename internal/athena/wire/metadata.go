package wire

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena/dialect"
	"github.com/audit-archiver/archiver/internal/parquet"
)

func (s *Server) getWorkGroup(c *call) (any, error) {
	var in listRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := checkWorkGroup(in.WorkGroup); err != nil {
		return nil, err
	}
	configuration := object{
		// What a client wants of its own does not count.
		"EnforceWorkGroupConfiguration":   true,
		"PublishCloudWatchMetricsEnabled": false,
		"RequesterPaysEnabled":            false,
		"EngineVersion":                   engineVersions(),
		// Managed results have no place in S3: that is what this says to clients.
		"ManagedQueryResultsConfiguration": object{"Enabled": s.o.Results == nil},
	}
	if s.o.Results != nil {
		configuration["ResultConfiguration"] = object{"OutputLocation": s.o.Results.Location("")}
	}
	return object{"WorkGroup": object{
		"Name": workGroup, "State": "ENABLED", "Description": "Queries about an audit archive", "CreationTime": 0,
		"Configuration": configuration,
	}}, nil
}

func (s *Server) listWorkGroups(c *call) (any, error) {
	if err := onePage(c, 50); err != nil {
		return nil, err
	}
	return object{"WorkGroups": []any{object{"Name": workGroup, "State": "ENABLED", "Description": "", "CreationTime": 0, "EngineVersion": engineVersions()}}}, nil
}

func (s *Server) listEngineVersions(c *call) (any, error) {
	if err := onePage(c, 10); err != nil {
		return nil, err
	}
	return object{"EngineVersions": []any{engineVersions()}}, nil
}

// onePage checks what is asked of a list that fits in any page.
func onePage(c *call, most int) error {
	var in listRequest
	if err := c.read(&in); err != nil {
		return err
	}
	if in.NextToken != "" {
		return badToken()
	}
	_, err := in.pageSize(most)
	return err
}

func (s *Server) listDataCatalogs(c *call) (any, error) {
	if err := onePage(c, 50); err != nil {
		return nil, err
	}
	return object{"DataCatalogsSummary": []any{object{"CatalogName": catalogName, "Type": "GLUE"}}}, nil
}

func (s *Server) getDataCatalog(c *call) (any, error) {
	var in struct{ Name string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if !strings.EqualFold(in.Name, catalogName) {
		return nil, invalid("DataCatalog %s was not found", in.Name)
	}
	return object{"DataCatalog": object{"Name": catalogName, "Type": "GLUE", "Description": "An audit archive"}}, nil
}

// place is where a client looks for tables.
type place struct{ CatalogName, DatabaseName, TableName string }

func (s *Server) checkPlace(p place, database bool) error {
	switch {
	case !strings.EqualFold(p.CatalogName, catalogName):
		return metadata("Catalog %s not found.", p.CatalogName)
	case database && !strings.EqualFold(p.DatabaseName, s.o.Database):
		return metadata("Database %s not found.", p.DatabaseName)
	}
	return nil
}

func (s *Server) database() object {
	return object{"Name": s.o.Database, "Description": "An audit archive", "Parameters": object{}}
}

func (s *Server) getDatabase(c *call) (any, error) {
	var in place
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := s.checkPlace(in, true); err != nil {
		return nil, err
	}
	return object{"Database": s.database()}, nil
}

func (s *Server) listDatabases(c *call) (any, error) {
	var in place
	if err := errors.Join(onePage(c, 50), c.read(&in)); err != nil {
		return nil, err
	}
	if err := s.checkPlace(in, false); err != nil {
		return nil, err
	}
	return object{"DatabaseList": []any{s.database()}}, nil
}

// table is TableMetadata of the table or of a view; nil when there is none of that
// name. Its types are Hive's; those of results are Trino's.
func (s *Server) table(name string) object {
	view, isView := dialect.View(name)
	if name != dialect.Table && !isView {
		return nil
	}
	o := object{"Name": name, "CreateTime": 0, "LastAccessTime": 0, "TableType": "EXTERNAL_TABLE", "Parameters": s.o.Table}
	columns, partitions := []any{}, []any{}
	for _, col := range parquet.Schema() {
		o := object{"Name": col.Name, "Type": col.HiveType, "Comment": col.Comment}
		if col.Partition && !isView {
			partitions = append(partitions, o)
		} else {
			columns = append(columns, o)
		}
	}
	o["Columns"], o["PartitionKeys"] = columns, partitions
	if isView {
		o["TableType"], o["Parameters"] = "VIRTUAL_VIEW", object{"presto_view": "true", "comment": view.About}
	}
	return o
}

// tableNames are the names of the table and its views, in order.
func tableNames() []string {
	names := []string{dialect.Table}
	for _, v := range dialect.Views() {
		names = append(names, v.Name)
	}
	slices.Sort(names)
	return names
}

func (s *Server) getTable(c *call) (any, error) {
	var in place
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := s.checkPlace(in, true); err != nil {
		return nil, err
	}
	table := s.table(strings.ToLower(in.TableName))
	if table == nil {
		return nil, metadata("Table %s not found.", in.TableName)
	}
	return object{"TableMetadata": table}, nil
}

func (s *Server) listTables(c *call) (any, error) {
	var in struct {
		place
		listRequest
		Expression string
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	n, err := in.pageSize(50)
	if err := errors.Join(err, s.checkPlace(in.place, true)); err != nil {
		return nil, err
	}
	// Glue's filter: a pattern for the whole name, in which * alone means anything.
	pattern := strings.ReplaceAll(strings.ReplaceAll(in.Expression, ".*", "*"), "*", ".*")
	filter, err := regexp.Compile("(?i)^(?:" + pattern + ")$")
	if err != nil {
		return nil, invalid("Expression is no pattern: %v", err)
	}
	list, last := []any{}, ""
	for _, name := range tableNames() {
		if in.Expression != "" && !filter.MatchString(name) || name <= in.NextToken {
			continue
		}
		if len(list) == n {
			return object{"TableMetadataList": list, "NextToken": last}, nil
		}
		list, last = append(list, s.table(name)), name
	}
	return object{"TableMetadataList": list}, nil
}
