package saved

import "github.com/audit-archiver/archiver/internal/athena"

// A word matches at the begin and the end of a part of a name only, so that
// relogin.x is no login, while user.login and auth:login are.
const (
	actionHas   = `regexp_like(lower("action"), '(^|[._:/-])(`
	resourceHas = `regexp_like(lower(resource_type), '(^|[._:/-])(`
	asWord      = `)($|[._:/-])')`
	asLastWord  = `)$')`
)

// What queries and views of the pack are about.
const (
	isFailedLogin = "outcome = 'failure' AND " + actionHas + "login|log_in|signin|sign_in|authenticate|authentication|mfa" + asWord
	isExport      = actionHas + "export|exported|download|downloaded|dump" + asWord
	isPrivilege   = actionHas + "roles?|permissions?|grant(ed)?|revoked?|privileges?|polic(y|ies)|admins?|groups?|members?|api_?keys?|tokens?" + asWord
	isDeletion    = actionHas + "deleted?|removed?|destroy(ed)?|purged?|erased?|drop(ped)?" + asWord
	isReading     = actionHas + "read|get|list|view|viewed|search|export|exported|download|downloaded" + asLastWord
	isSensitive   = resourceHas + "patients?|medical|health|diagnos(is|es)|cards?|payments?|bank|iban|salary|payroll|" +
		"ssn|passports?|pii|personal|secrets?|credentials?|passwords?|api_?keys?|private_?keys?" + asWord
	isOutsideHours = `actor_type = 'user' AND (day_of_week("timestamp") >= 6 OR hour("timestamp") < 7 OR hour("timestamp") >= 19)`
)

// Views are the questions of the pack that need no parameter, as views over
// audit_logs that a query can name, filter and join. Names never change.
func Views() []athena.View {
	return []athena.View{
		{Name: "failed_logins", Where: isFailedLogin,
			About: "Events with outcome failure whose action has the word login, signin, authenticate or mfa."},
		{Name: "data_exports", Where: isExport,
			About: "Events whose action has the word export, download or dump, whether they succeeded or not."},
		{Name: "privilege_changes", Where: isPrivilege,
			About: "Events whose action has a word for rights: role, permission, grant, revoke, privilege, policy, admin, group, member, api_key, token."},
		{Name: "deletions", Where: isDeletion,
			About: "Events whose action has the word delete, remove, destroy, purge, erase or drop, whether they succeeded or not."},
		{Name: "changes", Where: "NOT " + isReading,
			About: "Events whose action does not end in a word for reading: read, get, list, view, search, export, download."},
		{Name: "sensitive_access", Where: isSensitive,
			About: "Events about resources whose type has a word for personal, medical, payment or secret data; for other words ask audit_logs by resource_type."},
		{Name: "outside_hours", Where: isOutsideHours,
			About: "Events of actors of type user on Saturdays, on Sundays, and before 07:00 or from 19:00, in UTC."},
	}
}
