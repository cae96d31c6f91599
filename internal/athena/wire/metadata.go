package wire

import (
	"errors"
	"regexp"
	"strings"

	"github.com/audit-archiver/archiver/internal/parquet"
)

// tableName is the one table that clients are told of.
const tableName = "audit_logs"

func (s *Server) getWorkGroup(c *call) (any, error) {
	var in listRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := checkWorkGroup(in.WorkGroup); err != nil {
		return nil, err
	}
	return object{"WorkGroup": object{
		"Name": workGroup, "State": "ENABLED", "Description": "Queries about an audit archive", "CreationTime": 0,
		"Configuration": object{
			// Results are managed and have no place in S3: that is what this says to clients.
			"ManagedQueryResultsConfiguration": object{"Enabled": true},
			"EnforceWorkGroupConfiguration":    true,
			"PublishCloudWatchMetricsEnabled":  false,
			"RequesterPaysEnabled":             false,
			"EngineVersion":                    engineVersions(),
		},
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

// table is TableMetadata. Its types are Hive's; those of results are Trino's.
func (s *Server) table() object {
	columns, partitions := []any{}, []any{}
	for _, col := range parquet.Schema() {
		o := object{"Name": col.Name, "Type": col.HiveType, "Comment": col.Comment}
		if col.Partition {
			partitions = append(partitions, o)
		} else {
			columns = append(columns, o)
		}
	}
	return object{"Name": tableName, "CreateTime": 0, "LastAccessTime": 0, "TableType": "EXTERNAL_TABLE",
		"Columns": columns, "PartitionKeys": partitions, "Parameters": s.o.Table}
}

func (s *Server) getTable(c *call) (any, error) {
	var in place
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := s.checkPlace(in, true); err != nil {
		return nil, err
	}
	if !strings.EqualFold(in.TableName, tableName) {
		return nil, metadata("Table %s not found.", in.TableName)
	}
	return object{"TableMetadata": s.table()}, nil
}

func (s *Server) listTables(c *call) (any, error) {
	var in struct {
		place
		Expression string
	}
	if err := errors.Join(onePage(c, 50), c.read(&in)); err != nil {
		return nil, err
	}
	if err := s.checkPlace(in.place, true); err != nil {
		return nil, err
	}
	// Glue's filter: a pattern for the whole name, in which * alone means anything.
	pattern := strings.ReplaceAll(strings.ReplaceAll(in.Expression, ".*", "*"), "*", ".*")
	filter, err := regexp.Compile("(?i)^(?:" + pattern + ")$")
	if err != nil {
		return nil, invalid("Expression is no pattern: %v", err)
	}
	list := []any{}
	if in.Expression == "" || filter.MatchString(tableName) {
		list = append(list, s.table())
	}
	return object{"TableMetadataList": list}, nil
}
