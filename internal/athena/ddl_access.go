package athena

import (
	"errors"
	"fmt"
	"strings"
)

// AccessOptions are what readers need beside the table.
type AccessOptions struct {
	TableOptions
	WorkGroup     string // default primary
	ResultsBucket string // required; never the archive's
	Partition     string // of AWS: aws, aws-cn, aws-us-gov; default aws
	Views         []View // that are declared beside the table
}

// statement is one of an IAM policy.
type statement struct {
	Sid       string                       `json:"Sid"`
	Effect    string                       `json:"Effect"`
	Action    []string                     `json:"Action"`
	Resource  []string                     `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// Policy is an IAM policy document.
type Policy struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

func (o *AccessOptions) complete() error {
	if err := o.check(); err != nil {
		return fmt.Errorf("access of readers: %w", err)
	}
	switch {
	case o.Database == "":
		return errors.New("access of readers: database must be set")
	case o.ResultsBucket == "" || strings.ContainsAny(o.ResultsBucket, "/*?$\"'\\"):
		return fmt.Errorf("access of readers: results bucket %q is no name of a bucket", o.ResultsBucket)
	case o.ResultsBucket == o.Bucket:
		return errors.New("access of readers: results must not go into the archive's bucket")
	}
	if o.WorkGroup == "" {
		o.WorkGroup = "primary"
	}
	if o.Partition == "" {
		o.Partition = "aws"
	}
	return nil
}

// ReaderPolicy lets its holder query the table with Athena and read results, and
// forbids to write to the archive.
func ReaderPolicy(o AccessOptions) (Policy, error) {
	if err := o.complete(); err != nil {
		return Policy{}, err
	}
	arn := "arn:" + o.Partition + ":"
	files := arn + "s3:::" + strings.TrimPrefix(o.location(), "s3://")
	prefix := strings.TrimPrefix(o.location(), "s3://"+o.Bucket+"/")
	results := arn + "s3:::" + o.ResultsBucket
	return Policy{Version: "2012-10-17", Statement: []statement{
		{Sid: "Query", Effect: "Allow", Resource: []string{arn + "athena:*:*:workgroup/" + o.WorkGroup}, Action: []string{
			"athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution", "athena:BatchGetQueryExecution",
			"athena:ListQueryExecutions", "athena:GetQueryResults", "athena:GetQueryResultsStream", "athena:GetWorkGroup"}},
		{Sid: "ReadTheTable", Effect: "Allow", Action: []string{"glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions"},
			Resource: []string{arn + "glue:*:*:catalog", arn + "glue:*:*:database/" + o.Database, arn + "glue:*:*:table/" + o.Database + "/*"}},
		{Sid: "ReadTheFiles", Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: []string{files + "*"}},
		{Sid: "ListTheFiles", Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{arn + "s3:::" + o.Bucket},
			Condition: map[string]map[string]string{"StringLike": {"s3:prefix": prefix + "*"}}},
		{Sid: "Where", Effect: "Allow", Action: []string{"s3:GetBucketLocation"}, Resource: []string{arn + "s3:::" + o.Bucket, results}},
		{Sid: "Results", Effect: "Allow", Action: []string{"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}, Resource: []string{results + "/*"}},
		{Sid: "ListResults", Effect: "Allow", Action: []string{"s3:ListBucket", "s3:ListBucketMultipartUploads"}, Resource: []string{results}},
		{Sid: "NeverWrite", Effect: "Deny", Action: []string{"s3:Put*", "s3:Delete*", "s3:Bypass*", "s3:Replicate*", "s3:Restore*"},
			Resource: []string{arn + "s3:::" + o.Bucket, arn + "s3:::" + o.Bucket + "/*"}},
	}}, nil
}

// object is one of Terraform's JSON.
type object = map[string]any

// Terraform is a configuration in Terraform's JSON syntax (main.tf.json): database,
// table, views, a workgroup whose results go to a bucket of their own and are gone after a
// month, and the policy of readers.
func Terraform(o AccessOptions) (map[string]any, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	table, err := Glue(o.TableOptions)
	if err != nil {
		return nil, err
	}
	policy, err := ReaderPolicy(o)
	if err != nil {
		return nil, err
	}
	columns := func(list []GlueColumn) (out []object) {
		for _, c := range list {
			out = append(out, object{"name": c.Name, "type": c.Type, "comment": c.Comment})
		}
		return out
	}
	parameters := map[string]string{}
	for k, v := range table.TableInput.Parameters {
		parameters[k] = strings.ReplaceAll(v, "${", "$${") // what Terraform would expand
	}
	in, store := table.TableInput, table.TableInput.StorageDescriptor
	const database = "${aws_glue_catalog_database.audit.name}"
	const results = "${aws_s3_bucket.audit_results.id}"
	tables := object{"audit_logs": object{
		"name": in.Name, "database_name": database, "table_type": in.TableType, "parameters": parameters,
		"partition_keys": columns(in.PartitionKeys),
		"storage_descriptor": object{"location": store.Location, "input_format": store.InputFormat, "output_format": store.OutputFormat,
			"columns":     columns(store.Columns),
			"ser_de_info": object{"serialization_library": store.SerdeInfo.SerializationLibrary, "parameters": store.SerdeInfo.Parameters}},
	}}
	for _, v := range o.Views {
		view, err := GlueView(o.TableOptions, v)
		if err != nil {
			return nil, err
		}
		in := view.TableInput
		tables[v.Name] = object{
			"name": in.Name, "database_name": database, "table_type": in.TableType, "parameters": in.Parameters, "description": v.About,
			"view_original_text": in.ViewOriginalText, "view_expanded_text": in.ViewExpandedText,
			"storage_descriptor": object{"columns": columns(in.StorageDescriptor.Columns)},
			"depends_on":         []string{"aws_glue_catalog_table.audit_logs"},
		}
	}
	resources := object{
		"aws_glue_catalog_database":         object{"audit": object{"name": o.Database}},
		"aws_glue_catalog_table":            tables,
		"aws_s3_bucket":                     object{"audit_results": object{"bucket": o.ResultsBucket}},
		"aws_s3_bucket_public_access_block": object{"audit_results": object{"bucket": results, "block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true}},
		"aws_s3_bucket_lifecycle_configuration": object{"audit_results": object{"bucket": results,
			"rule": object{"id": "expire", "status": "Enabled", "filter": object{}, "expiration": object{"days": 30}}}},
		"aws_iam_policy": object{"audit_reader": object{"name": "audit-reader-" + o.Database, "policy": "${jsonencode(local.audit_reader)}"}},
	}
	if o.WorkGroup != "primary" { // which every account has
		resources["aws_athena_workgroup"] = object{"audit": object{"name": o.WorkGroup, "configuration": object{
			"enforce_workgroup_configuration": true,
			"result_configuration":            object{"output_location": "s3://" + results + "/"},
		}}}
	}
	return object{"locals": object{"audit_reader": policy}, "resource": resources}, nil
}
