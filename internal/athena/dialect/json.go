package dialect

// jsonExtract is json_extract and json_extract_scalar. DuckDB's own functions are no
// quicker, and take texts for documents that are none: [1,] and {"a": NaN}.
func jsonExtract(t *translator, c *call) (string, error) {
	if s, isLiteral := literal(c.args[1]); isLiteral {
		if _, ok := jsonSteps(s); !ok {
			return "", t.refuse(c.args[1], "JSON path '"+s+"'", `write $.name, $["any name"] and $[0]`)
		}
	}
	doc := castTo(c.args[0], "VARCHAR")
	if c.name == "json_extract" {
		become(c.n, function(internal+"json_at", doc, c.args[1]))
		return typeJSON, nil
	}
	become(c.n, function(internal+"scalar_at", doc, c.args[1]))
	return typeVarchar, nil
}

func jsonFormat(_ *translator, c *call) (string, error) {
	become(c.n, castTo(c.args[0], "VARCHAR"))
	return typeVarchar, nil
}
