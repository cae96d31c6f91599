package main

import (
	"bytes"
	"fmt"
	"strings"
)

// renderPython writes TypedDicts that Python 3.10 knows: what is required stands
// in a base class, since NotRequired came with 3.11. What the context may give
// need not be in an event, so it is not required of the caller.
func renderPython(root *schema) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n", notice)
	fmt.Fprint(&b, `"""The event in wire form: what is sent, field by field. `+"``None``"+` is the same as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict

`)
	for _, f := range root.enums() {
		fmt.Fprintf(&b, "%s = Literal[\"%s\"]\n", f.Title, strings.Join(f.Enum, `", "`))
	}
	for _, o := range root.objects() {
		fmt.Fprintf(&b, "\n\nclass _%sRequired(TypedDict):\n", o.Title)
		pyFields(&b, o, true)
		fmt.Fprintf(&b, "\n\nclass %s(_%sRequired, total=False):\n", o.Title, o.Title)
		pyDocstring(&b, o.Description)
		pyFields(&b, o, false)
	}
	details, err := root.find("details")
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "\n\n# Longest values, in bytes of UTF-8.\nLIMITS: Final[Mapping[str, int]] = {\n")
	for _, l := range root.limits("") {
		fmt.Fprintf(&b, "    %q: %d,\n", l.path, l.max)
	}
	fmt.Fprintf(&b, "}\n\nEVENT_BYTES: Final = %d  # of the whole event as it is sent\n", root.BytesMax)
	fmt.Fprintf(&b, "DETAILS_BYTES: Final = %d  # of details as they are sent\n", details.BytesMax)
	fmt.Fprintf(&b, "DEPTH: Final = %d  # levels of objects and arrays; the event's own braces are level 1\n", root.DepthMax)
	return b.Bytes(), nil
}

func pyFields(b *bytes.Buffer, o *schema, required bool) {
	for i := range o.Properties {
		f := &o.Properties[i]
		if (f.required && !f.FromContext) != required {
			continue
		}
		for _, line := range wrap(f.Description+contextNote(f), 76) {
			fmt.Fprintf(b, "    # %s\n", line)
		}
		optional := ""
		if !required {
			optional = " | None"
		}
		fmt.Fprintf(b, "    %s: %s%s\n", f.name, pyType(f), optional)
	}
}

func pyType(f *field) string {
	switch {
	case f.Enum != nil, f.Properties != nil:
		return f.Title
	case f.is("object"):
		return "Mapping[str, Any]"
	default:
		return "str"
	}
}

func pyDocstring(b *bytes.Buffer, text string) {
	if len(text) <= 72 {
		fmt.Fprintf(b, "    \"\"\"%s\"\"\"\n\n", text)
		return
	}
	first, rest, _ := strings.Cut(text, ". ")
	fmt.Fprintf(b, "    \"\"\"%s.\n\n", first)
	for _, line := range wrap(rest, 76) {
		fmt.Fprintf(b, "    %s\n", line)
	}
	fmt.Fprint(b, "    \"\"\"\n\n")
}
