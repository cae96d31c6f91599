-- The mirror of an audit archive in PostgreSQL {{.Least}} or later.
-- Safe to run again: it adds what is missing, mends what was changed, and keeps the rows.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = pg_catalog;

-- Roles. The owner cannot log in. The mirror may add rows and nothing else: it cannot read them back. Readers read.
DO $setup$ BEGIN
	IF current_setting('server_version_num')::int < {{.Least}}0000 THEN
		RAISE EXCEPTION 'PostgreSQL {{.Least}} or later is needed, this is %', current_setting('server_version');
	END IF;
	IF current_setting('server_encoding') <> 'UTF8' THEN
		RAISE EXCEPTION 'the database must be encoded in UTF8, not %: other encodings cannot hold every event', current_setting('server_encoding');
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {{literal .Owner}}) THEN CREATE ROLE {{name .Owner}} NOLOGIN; END IF;
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {{literal .Writer}}) THEN CREATE ROLE {{name .Writer}} LOGIN; END IF;
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {{literal .Reader}}) THEN CREATE ROLE {{name .Reader}} NOLOGIN; END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname IN ({{literal .Owner}}, {{literal .Writer}}, {{literal .Reader}}) AND rolsuper)
		OR EXISTS (SELECT FROM pg_roles WHERE rolname = {{literal .Owner}} AND rolcanlogin) THEN
		RAISE EXCEPTION 'the roles of the mirror must not be superusers, and the owner must not log in';
	END IF;
	IF pg_has_role({{literal .Writer}}, {{literal .Owner}}, 'MEMBER') OR pg_has_role({{literal .Reader}}, {{literal .Owner}}, 'MEMBER') THEN
		RAISE EXCEPTION 'the roles that write and read must not be members of the owner';
	END IF;
	-- Who makes roles without being a superuser has to be a member of the owner for a moment.
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN GRANT {{name .Owner}} TO CURRENT_USER; END IF;
END $setup$;

CREATE SCHEMA IF NOT EXISTS {{name .Schema}};
GRANT USAGE, CREATE ON SCHEMA {{name .Schema}} TO {{name .Owner}};
GRANT USAGE ON SCHEMA {{name .Schema}} TO {{name .Writer}}, {{name .Reader}};

SET LOCAL ROLE {{name .Owner}};

-- The specification's columns, in its order; then the archive's own. ip_text is the address as it was sent: inet has one
-- spelling for all of them. details is json, which keeps the bytes. Keys of a partitioned table include its partition column.
CREATE TABLE IF NOT EXISTS {{table "audit_logs"}} (
	id VARCHAR(255) NOT NULL,
	timestamp TIMESTAMPTZ NOT NULL DEFAULT NOW(),
	action VARCHAR(100) NOT NULL,
	actor_id VARCHAR(255) NOT NULL,
	actor_type VARCHAR(50) NOT NULL,
	actor_email VARCHAR(255),
	resource_type VARCHAR(100) NOT NULL,
	resource_id VARCHAR(255),
	outcome VARCHAR(20) NOT NULL,
	reason TEXT,
	details JSON,
	request_id VARCHAR(255),
	ip INET,
	user_agent TEXT,
	organization_id VARCHAR(255),
	received_at TIMESTAMPTZ NOT NULL,
	producer VARCHAR(255) NOT NULL,
	timestamp_ns BIGINT NOT NULL,
	stream UUID NOT NULL,
	seq BIGINT NOT NULL,
	retention VARCHAR(32) NOT NULL,
	ip_text TEXT,
	PRIMARY KEY (stream, seq, timestamp)
) PARTITION BY RANGE (timestamp);

CREATE INDEX IF NOT EXISTS idx_audit_timestamp ON {{table "audit_logs"}}(timestamp DESC);
CREATE INDEX IF NOT EXISTS idx_audit_actor ON {{table "audit_logs"}}(actor_id, timestamp DESC);
CREATE INDEX IF NOT EXISTS idx_audit_resource ON {{table "audit_logs"}}(resource_type, resource_id, timestamp DESC);
CREATE INDEX IF NOT EXISTS idx_audit_action ON {{table "audit_logs"}}(action, timestamp DESC);
CREATE INDEX IF NOT EXISTS idx_audit_org ON {{table "audit_logs"}}(organization_id, timestamp DESC);
-- In the specification id is the primary key, and so has an index.
CREATE INDEX IF NOT EXISTS idx_audit_id ON {{table "audit_logs"}}(id);

-- One row. What the mirror was made for, and for how long it keeps rows; the role that writes cannot change it.
CREATE TABLE IF NOT EXISTS {{table "audit_mirror_settings"}} (
	one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
	version INT NOT NULL,
	archive UUID NOT NULL,
	keep_months INT NOT NULL CHECK (keep_months >= 0),  -- 0: for ever
	dropped_before TIMESTAMPTZ                          -- months before it were dropped and do not come back
);

-- How far the mirror has come in each stream. It changes in the transaction that adds the rows.
CREATE TABLE IF NOT EXISTS {{table "audit_mirror_position"}} (
	stream UUID PRIMARY KEY,
	next_index BIGINT NOT NULL DEFAULT 0,  -- commit that is needed next
	next_row BIGINT NOT NULL DEFAULT 0,    -- rows of it that are here
	next_seq BIGINT NOT NULL DEFAULT 0,    -- all rows before it, of commits before next_index, are here
	rows BIGINT NOT NULL DEFAULT 0,        -- that were added
	too_old BIGINT NOT NULL DEFAULT 0,     -- that were left out: their month was dropped already
	expired BIGINT NOT NULL DEFAULT 0,     -- that were left out: the bucket no longer had them
	refused BIGINT NOT NULL DEFAULT 0,     -- that PostgreSQL does not take: see audit_mirror_refused
	updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS {{table "audit_mirror_refused"}} (
	stream UUID NOT NULL,
	seq BIGINT NOT NULL,
	id TEXT NOT NULL,
	sqlstate TEXT NOT NULL,
	at TIMESTAMPTZ NOT NULL DEFAULT now(),
	PRIMARY KEY (stream, seq)
);

CREATE OR REPLACE FUNCTION {{table "prevent_audit_modification"}}() RETURNS TRIGGER AS $$
BEGIN RAISE EXCEPTION 'Audit logs cannot be modified or deleted'; END;
$$ LANGUAGE plpgsql;

-- Row triggers are copied to every partition. TRUNCATE has none for rows, so each partition gets its own below.
-- ALWAYS: also where session_replication_role is replica.
DO $setup$ BEGIN
	IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = {{literal (table "audit_logs")}}::regclass AND tgname = 'audit_immutable') THEN
		CREATE TRIGGER audit_immutable BEFORE UPDATE OR DELETE ON {{table "audit_logs"}}
			FOR EACH ROW EXECUTE FUNCTION {{table "prevent_audit_modification"}}();
	END IF;
	IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = {{literal (table "audit_logs")}}::regclass AND tgname = 'audit_not_truncated') THEN
		CREATE TRIGGER audit_not_truncated BEFORE TRUNCATE ON {{table "audit_logs"}}
			FOR EACH STATEMENT EXECUTE FUNCTION {{table "prevent_audit_modification"}}();
	END IF;
END $setup$;

-- Makes the month of an instant if it is missing. False: it was dropped, and its rows are not wanted.
-- The month is made on its own and then attached: that waits for nobody who reads or writes.
CREATE OR REPLACE FUNCTION {{table "audit_logs_add_month"}}(at TIMESTAMPTZ) RETURNS BOOLEAN
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	low CONSTANT TIMESTAMP := date_trunc('month', at AT TIME ZONE 'UTC');
	part CONSTANT TEXT := 'audit_logs_' || to_char(low, '"y"YYYY"m"MM');
	held BOOLEAN;
BEGIN
	LOCK TABLE ONLY {{table "audit_logs"}} IN SHARE UPDATE EXCLUSIVE MODE; -- one at a time
	IF low AT TIME ZONE 'UTC' < (SELECT dropped_before FROM {{table "audit_mirror_settings"}}) THEN
		RETURN FALSE;
	END IF;
	IF EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = {{literal (table "audit_logs")}}::regclass AND c.relname = part) THEN
		RETURN TRUE;
	END IF;
	EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.audit_logs INCLUDING ALL)', {{literal .Schema}}, part);
	EXECUTE format('CREATE TRIGGER audit_not_truncated BEFORE TRUNCATE ON %1$I.%2$I
		FOR EACH STATEMENT EXECUTE FUNCTION %1$I.prevent_audit_modification()', {{literal .Schema}}, part);
	EXECUTE format('ALTER TABLE %1$I.audit_logs ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%3$L) TO (%4$L)',
		{{literal .Schema}}, part, low AT TIME ZONE 'UTC', (low + INTERVAL '1 month') AT TIME ZONE 'UTC');
	EXECUTE format('ALTER TABLE %1$I.%2$I ENABLE ALWAYS TRIGGER audit_immutable, ENABLE ALWAYS TRIGGER audit_not_truncated',
		{{literal .Schema}}, part);
	RETURN TRUE;
END $$;

-- Drops the months that lie wholly before now - keep_months, by the rule that is stored here: its caller has no say.
-- It gives up rather than make readers wait for it.
CREATE OR REPLACE FUNCTION {{table "audit_logs_drop_old"}}() RETURNS TEXT[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
	keep INT;
	cut TIMESTAMPTZ;
	part TEXT;
	dropped TEXT[] := '{}';
BEGIN
	SELECT keep_months INTO keep FROM {{table "audit_mirror_settings"}};
	IF keep = 0 THEN
		RETURN dropped;
	END IF;
	cut := date_trunc('month', (now() AT TIME ZONE 'UTC') - make_interval(months => keep)) AT TIME ZONE 'UTC';
	-- From here on no transaction adds rows of those months: see audit_logs_horizon.
	UPDATE {{table "audit_mirror_settings"}} SET dropped_before = cut WHERE dropped_before IS NULL OR dropped_before < cut;
	FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = {{literal (table "audit_logs")}}::regclass AND c.relname ~ '^audit_logs_y[0-9]{4}m[0-9]{2}$'
		AND to_date(right(c.relname, 7), 'YYYY"m"MM')::timestamp AT TIME ZONE 'UTC' < cut ORDER BY 1
	LOOP
		EXECUTE format('ALTER TABLE %1$I.audit_logs DETACH PARTITION %1$I.%2$I', {{literal .Schema}}, part);
		EXECUTE format('DROP TABLE %1$I.%2$I', {{literal .Schema}}, part);
		dropped := dropped || part;
	END LOOP;
	RETURN dropped;
END $$;

-- Before what no row is wanted, and that it stays so until the caller's transaction ends.
CREATE OR REPLACE FUNCTION {{table "audit_logs_horizon"}}() RETURNS TIMESTAMPTZ
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT dropped_before FROM {{table "audit_mirror_settings"}} FOR SHARE
$$;

-- What was disabled since the last time is mended, in every month.
ALTER TABLE {{table "audit_logs"}} ENABLE ALWAYS TRIGGER audit_immutable, ENABLE ALWAYS TRIGGER audit_not_truncated;
DO $setup$ DECLARE part REGCLASS; BEGIN
	FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = {{literal (table "audit_logs")}}::regclass LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_immutable, ENABLE ALWAYS TRIGGER audit_not_truncated', part);
	END LOOP;
END $setup$;

DO $setup$ BEGIN
	INSERT INTO {{table "audit_mirror_settings"}} (version, archive, keep_months) VALUES ({{.Version}}, {{literal .Archive}}, {{.KeepMonths}})
		ON CONFLICT (one) DO UPDATE SET version = EXCLUDED.version, keep_months = EXCLUDED.keep_months
		WHERE audit_mirror_settings.archive = EXCLUDED.archive;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the schema {{.Schema}} mirrors another archive: take another schema or database for this one';
	END IF;
END $setup$;

REVOKE ALL ON FUNCTION {{table "prevent_audit_modification"}}(), {{table "audit_logs_add_month"}}(TIMESTAMPTZ), {{table "audit_logs_drop_old"}}(),
	{{table "audit_logs_horizon"}}() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {{table "audit_logs_add_month"}}(TIMESTAMPTZ), {{table "audit_logs_drop_old"}}(), {{table "audit_logs_horizon"}}() TO {{name .Writer}};
GRANT INSERT ON {{table "audit_logs"}} TO {{name .Writer}};
GRANT SELECT, INSERT, UPDATE ON {{table "audit_mirror_position"}} TO {{name .Writer}};
GRANT SELECT, INSERT ON {{table "audit_mirror_refused"}} TO {{name .Writer}};
GRANT SELECT ON {{table "audit_mirror_settings"}} TO {{name .Writer}};
GRANT SELECT ON {{table "audit_logs"}}, {{table "audit_mirror_position"}}, {{table "audit_mirror_refused"}}, {{table "audit_mirror_settings"}} TO {{name .Reader}};

RESET ROLE;
DO $setup$ BEGIN
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN REVOKE {{name .Owner}} FROM CURRENT_USER; END IF;
END $setup$;
COMMIT;
