package policy

import (
	"bytes"
	"fmt"
	"strings"
)

// Terraform is the document as a resource of the provider that its store has: aws, or
// aminueza/minio. name is the policy's.
func Terraform(role Role, d Document, o Options, name string) []byte {
	resource, label := "aws_iam_policy", "archiver_"+strings.ReplaceAll(string(role), "-", "_")
	settings := fmt.Sprintf("  name   = %q\n", name)
	switch {
	case role == Bucket:
		resource, settings = "aws_s3_bucket_policy", fmt.Sprintf("  bucket = %q\n", o.Bucket)
	case o.Store == MinIO:
		resource = "minio_iam_policy"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "resource %q %q {\n%s  policy = <<-JSON\n", resource, label, settings)
	for line := range strings.Lines(string(d.JSON())) {
		b.WriteString("    " + line)
	}
	b.WriteString("  JSON\n}\n")
	return b.Bytes()
}
