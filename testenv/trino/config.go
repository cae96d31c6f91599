package trino

import (
	"fmt"
	"os"
	"path/filepath"
)

// configure writes etc/ of a server whose programs are in home, below dir.
func configure(home, dir, port string, s Storage) error {
	files := map[string]string{
		"etc/config.properties": fmt.Sprintf(`coordinator=true
node-scheduler.include-coordinator=true
node.environment=test
node.id=test
node.bind-ip=127.0.0.1
node.internal-address=127.0.0.1
http-server.http.port=%[2]s
discovery.uri=http://127.0.0.1:%[2]s
http-server.log.enabled=false
catalog.config-dir=%[1]s/etc/catalog
plugin.dir=%[3]s/plugin
query.max-memory=512MB
query.max-memory-per-node=512MB
memory.heap-headroom-per-node=256MB
query.client.timeout=1m
query.max-history=10
task.concurrency=2
`, dir, port, home),
		"etc/log.properties": "io.trino=WARN\nio.airlift=WARN\norg.eclipse=WARN\norg.apache.parquet=WARN\nio.trino.cost=ERROR\n",
		// The last lines are what docs/engines.md asks of every catalog.
		"etc/catalog/" + Catalog + ".properties": fmt.Sprintf(`connector.name=hive
hive.metastore=file
hive.metastore.catalog.dir=local:///
fs.native-local.enabled=true
local.location=%[1]s/metastore
fs.native-s3.enabled=true
s3.endpoint=%[2]s
s3.region=%[3]s
s3.path-style-access=true
s3.aws-access-key=%[4]s
s3.aws-secret-key=%[5]s
hive.file-status-cache-tables=*
hive.file-status-cache.max-retained-size=64MB
hive.file-status-cache-expire-time=1h
hive.partition-projection-enabled=true
hive.parquet.time-zone=UTC
`, dir, s.Endpoint, s.Region, s.AccessKey, s.SecretKey),
	}
	for _, d := range []string{"data", "metastore", "etc/catalog"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// javaArgs start the server without its launcher, which is a Python script. Queries
// here are many and tiny: the quick compiler alone answers them sooner.
func javaArgs(home, dir string) []string {
	return []string{
		"-Xmx1G", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError",
		"-XX:ReservedCodeCacheSize=256M", "-XX:-UsePerfData",
		"-Djdk.attach.allowAttachSelf=true", "-XX:+EnableDynamicAgentLoading", "-Djdk.nio.maxCachedBufferSize=2000000", "-Dfile.encoding=UTF-8",
		"-Djava.io.tmpdir=" + dir, "-Duser.timezone=UTC",
		"--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED",
		"-Dconfig=" + filepath.Join(dir, "etc", "config.properties"),
		"-Dlog.levels-file=" + filepath.Join(dir, "etc", "log.properties"),
		"-cp", filepath.Join(home, "lib", "*"),
		"io.trino.server.TrinoServer",
	}
}
