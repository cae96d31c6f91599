package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"
)

// renderGo writes structs whose zero fields are absent. A required field is
// written even when it is empty, so that the sidecar's answer names it.
func renderGo(root *schema) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\npackage audit\n", notice)
	for _, f := range root.enums() {
		fmt.Fprintf(&b, "\n// Values of %s.%s.\nconst (\n", owner(root, f), pascal(f.name))
		for _, v := range f.Enum {
			fmt.Fprintf(&b, "%s = %q\n", pascal(f.name)+pascal(v), v)
		}
		fmt.Fprint(&b, ")\n")
	}
	for _, o := range root.objects() {
		fmt.Fprint(&b, "\n")
		goComment(&b, o.Title+": "+strings.ToLower(o.Description[:1])+o.Description[1:])
		fmt.Fprintf(&b, "type %s struct {\n", o.Title)
		for i := range o.Properties {
			f := &o.Properties[i]
			goComment(&b, f.Description+contextNote(f))
			omit := ",omitempty"
			if f.required {
				omit = ""
			}
			fmt.Fprintf(&b, "%s %s `json:\"%s%s\"`\n", pascal(f.name), goType(f), f.name, omit)
		}
		fmt.Fprint(&b, "}\n")
	}
	details, err := root.find("details")
	if err != nil {
		return nil, err
	}
	fmt.Fprint(&b, "\n// Longest values, in bytes of UTF-8; of details and event, in bytes of their JSON\n// as it is sent.\nconst (\n")
	for _, l := range root.limits("") {
		fmt.Fprintf(&b, "%s = %d\n", "max"+pascal(strings.ReplaceAll(l.path, ".", "_")), l.max)
	}
	fmt.Fprintf(&b, "maxDetails = %d\nmaxEvent = %d\nmaxDepth = %d // levels of objects and arrays; the event's own braces are level 1\n)\n",
		details.BytesMax, root.BytesMax, root.DepthMax)
	return format.Source(b.Bytes())
}

// owner is the type that has the field.
func owner(root *schema, f *field) string {
	for _, o := range root.objects() {
		for i := range o.Properties {
			if &o.Properties[i] == f {
				return o.Title
			}
		}
	}
	panic("bug: a field of no object")
}

func goType(f *field) string {
	switch {
	case f.Properties != nil:
		return f.Title
	case f.is("object"):
		return "any"
	default:
		return "string"
	}
}

func goComment(b *bytes.Buffer, text string) {
	for _, line := range wrap(text, 80) {
		fmt.Fprintf(b, "// %s\n", line)
	}
}
