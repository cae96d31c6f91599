package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// renderTypeScript writes interfaces in wire form. null and undefined both stand
// for an absent field, also under exactOptionalPropertyTypes.
func renderTypeScript(root *schema) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n", notice)
	for _, f := range root.enums() {
		values := make([]string, len(f.Enum))
		for i, v := range f.Enum {
			values[i] = "'" + v + "'"
		}
		fmt.Fprintf(&b, "\n/** %s */\nexport type %s = %s;\n", f.Description, f.Title, strings.Join(values, " | "))
	}
	for _, o := range root.objects() {
		fmt.Fprintf(&b, "\n")
		tsComment(&b, "", o.Description)
		fmt.Fprintf(&b, "export interface %s {\n", tsName(o))
		for i := range o.Properties {
			f := &o.Properties[i]
			tsComment(&b, "  ", f.Description+contextNote(f))
			if f.required {
				fmt.Fprintf(&b, "  %s: %s;\n", f.name, tsType(f))
			} else {
				fmt.Fprintf(&b, "  %s?: %s | null | undefined;\n", f.name, tsType(f))
			}
		}
		fmt.Fprintf(&b, "}\n")
	}
	details, err := root.find("details")
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "\n/** Longest values, in bytes of UTF-8; of details and event, in bytes of their JSON as it is sent. */\nexport const limits = {\n")
	plain := regexp.MustCompile(`^[a-z_]+$`)
	for _, l := range root.limits("") {
		name := l.path
		if !plain.MatchString(name) {
			name = "'" + name + "'"
		}
		fmt.Fprintf(&b, "  %s: %d,\n", name, l.max)
	}
	fmt.Fprintf(&b, "  details: %d,\n  event: %d,\n", details.BytesMax, root.BytesMax)
	fmt.Fprintf(&b, "  /** Levels of objects and arrays; the event's own braces are level 1. */\n  depth: %d,\n} as const;\n", root.DepthMax)
	return b.Bytes(), nil
}

// tsName keeps the event apart from the DOM's Event.
func tsName(o *schema) string {
	if o.Title == "Event" {
		return "AuditEvent"
	}
	return o.Title
}

func tsType(f *field) string {
	switch {
	case f.Enum != nil, f.Properties != nil:
		return f.Title
	case f.is("object"):
		return "Record<string, unknown>"
	default:
		return "string"
	}
}

func tsComment(b *bytes.Buffer, indent, text string) {
	if len(indent)+len(text) <= 110 {
		fmt.Fprintf(b, "%s/** %s */\n", indent, text)
		return
	}
	fmt.Fprintf(b, "%s/**\n", indent)
	for _, line := range wrap(text, 100) {
		fmt.Fprintf(b, "%s * %s\n", indent, line)
	}
	fmt.Fprintf(b, "%s */\n", indent)
}
