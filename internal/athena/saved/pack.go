package saved

const (
	columns = `"timestamp", "action", actor_id, actor_type, actor_email, resource_type, resource_id, outcome, reason, request_id, ip, organization_id, id`
	window  = `"timestamp" >= ? AND dt >= ?`
	order   = "\nORDER BY timestamp_ns, \"stream\", seq"
)

func hours(def string) Param {
	return Param{Name: "hours", Type: Hours, Default: def, About: "how far back, in hours, by the time of the event"}
}

// All is the pack. Names never change; texts may get better.
func All() []Query { return append(ofThings(), ofRisks()...) }

// ofThings are the questions about one actor, one resource, or one kind of data.
func ofThings() []Query {
	return []Query{
		{
			Name: "user-activity", Title: "Recent activity of one actor",
			About:      "Every event whose actor_id is the given one, oldest first.",
			Frameworks: []string{"SOC 2 CC7.2", "HIPAA 164.312(b)", "GDPR Art. 15", "PCI DSS 10.2.1"},
			SQL:        "SELECT " + columns + "\nFROM audit_logs\nWHERE " + window + " AND actor_id = ?" + order,
			Params:     []Param{{Name: "actor", Type: Text, About: "actor_id, exactly"}, hours("24")},
			args:       []string{"since", "day", "actor"},
		},
		{
			Name: "resource-changes", Title: "All that was done to one resource, but reading it",
			About:      "Every event about the resource whose action does not end in a word for reading (read, get, list, view, search, export, download), with its details.",
			Frameworks: []string{"SOC 2 CC8.1", "HIPAA 164.312(c)(1)", "GDPR Art. 5(1)(f)", "PCI DSS 10.2.1.7"},
			SQL: "SELECT " + columns + ", details\nFROM audit_logs\nWHERE " + window + " AND resource_type = ? AND resource_id = ?\n" +
				"  AND NOT " + isReading + order,
			Params: []Param{{Name: "type", Type: Text, About: "resource_type, exactly"}, {Name: "id", Type: Text, About: "resource_id, exactly"}, hours("8760")},
			args:   []string{"since", "day", "type", "id"},
		},
		{
			Name: "failed-logins", Title: "Failed logins by actor and address",
			About:      "Events with outcome failure whose action has the word login, signin, authenticate or mfa, counted by actor and address; those with at least so many failures, most first.",
			Frameworks: []string{"SOC 2 CC6.1", "SOC 2 CC7.2", "HIPAA 164.308(a)(5)(ii)(C)", "PCI DSS 10.2.1.4"},
			SQL: "SELECT actor_id, ip, count(*) AS failures, min(\"timestamp\") AS first_at, max(\"timestamp\") AS last_at\nFROM audit_logs\nWHERE " + window +
				" AND " + isFailedLogin +
				"\nGROUP BY actor_id, ip\nHAVING count(*) >= ?\nORDER BY failures DESC, actor_id, ip",
			Params: []Param{hours("24"), {Name: "least", Type: Count, Default: "1", About: "fewest failures to be listed"}},
			args:   []string{"since", "day", "least"},
		},
		{
			Name: "data-exports", Title: "Exports and downloads of data",
			About:      "Events whose action has the word export, exported, download, downloaded or dump, whether they succeeded or not.",
			Frameworks: []string{"SOC 2 CC6.7", "HIPAA 164.312(b)", "GDPR Art. 5(1)(f)", "GDPR Art. 44", "PCI DSS 10.2.1.1"},
			SQL:        "SELECT " + columns + ", details\nFROM audit_logs\nWHERE " + window + " AND " + isExport + order,
			Params:     []Param{hours("168")},
			args:       []string{"since", "day"},
		},
		{
			Name: "sensitive-access", Title: "Access to one kind of sensitive data",
			About:      "Every event about resources of the given type, such as patient_record or card, counted by actor, action and outcome.",
			Frameworks: []string{"SOC 2 CC6.1", "HIPAA 164.312(b)", "HIPAA 164.528", "GDPR Art. 30", "PCI DSS 10.2.1.1"},
			SQL: "SELECT actor_id, \"action\", outcome, count(*) AS events, count(DISTINCT resource_id) AS resources, min(\"timestamp\") AS first_at, max(\"timestamp\") AS last_at\nFROM audit_logs\nWHERE " + window +
				" AND resource_type = ?\nGROUP BY actor_id, \"action\", outcome\nORDER BY events DESC, actor_id, \"action\", outcome",
			Params: []Param{{Name: "type", Type: Text, About: "resource_type, exactly"}, hours("168")},
			args:   []string{"since", "day", "type"},
		},
	}
}

// ofRisks are the questions about what should not happen often.
func ofRisks() []Query {
	return []Query{
		{
			Name: "privilege-changes", Title: "Changes of rights",
			About:      "Events whose action has a word for rights: role, permission, grant, revoke, privilege, policy, admin, group, member, api_key, token.",
			Frameworks: []string{"SOC 2 CC6.2", "SOC 2 CC6.3", "HIPAA 164.308(a)(4)", "GDPR Art. 32", "PCI DSS 10.2.1.5"},
			SQL:        "SELECT " + columns + ", details\nFROM audit_logs\nWHERE " + window + " AND " + isPrivilege + order,
			Params:     []Param{hours("168")},
			args:       []string{"since", "day"},
		},
		{
			Name: "outside-hours", Title: "What people did outside of working hours",
			About:      "Events of actors of type user on Saturdays, on Sundays, and before the begin or from the end of the working day, in UTC.",
			Frameworks: []string{"SOC 2 CC7.2", "HIPAA 164.308(a)(1)(ii)(D)", "PCI DSS 10.4.1"},
			SQL: "SELECT " + columns + "\nFROM audit_logs\nWHERE " + window + " AND actor_type = 'user'\n" +
				"  AND (day_of_week(\"timestamp\") >= 6 OR hour(\"timestamp\") < ? OR hour(\"timestamp\") >= ?)" + order,
			Params: []Param{hours("168"),
				{Name: "begin", Type: Clock, Default: "7", About: "first hour of the working day, UTC"},
				{Name: "end", Type: Clock, Default: "19", About: "hour at which the working day is over, UTC"}},
			args: []string{"since", "day", "begin", "end"},
		},
		{
			Name: "deletions", Title: "What was deleted",
			About:      "Events whose action has the word delete, deleted, remove, removed, destroy, purge, erase or drop, whether they succeeded or not.",
			Frameworks: []string{"SOC 2 CC6.5", "HIPAA 164.310(d)(2)(i)", "GDPR Art. 17", "PCI DSS 10.2.1.7"},
			SQL:        "SELECT " + columns + ", details\nFROM audit_logs\nWHERE " + window + " AND " + isDeletion + order,
			Params:     []Param{hours("168")},
			args:       []string{"since", "day"},
		},
	}
}
