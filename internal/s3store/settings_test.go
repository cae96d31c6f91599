package s3store_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// settingInfo is a Setting without its type.
type settingInfo struct {
	Name  string
	State s3store.SettingState
	Value any // nil unless State is SettingKnown
	Err   error
}

// list is every setting of the bucket, in a fixed order.
func list(s s3store.Settings) []settingInfo {
	return []settingInfo{
		info("versioning", s.Versioning), info("object_lock", s.Lock), info("lifecycle", s.Lifecycle),
		info("public_access", s.PublicAccess), info("encryption", s.Encryption), info("policy", s.Policy),
		info("replication", s.Replication),
	}
}

func info[T any](name string, s s3store.Setting[T]) settingInfo {
	i := settingInfo{Name: name, State: s.State, Err: s.Err}
	if s.Known() {
		i.Value = s.Value
	}
	return i
}

// show is every setting in one line each.
func show(s s3store.Settings) string {
	var b strings.Builder
	for _, i := range list(s) {
		fmt.Fprintf(&b, "%s %s", i.Name, i.State)
		if i.Value != nil {
			fmt.Fprintf(&b, " %+v", i.Value)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestSettingsOfEmbedded(t *testing.T) {
	store, _ := s3test.Embedded(t).Bucket(t)
	s := store.Settings(t.Context())
	want := `versioning known Enabled
object_lock known {Enabled:true DefaultMode: Default:0 Years:false}
lifecycle not_applicable
public_access not_applicable
encryption not_applicable
policy known {Raw: SHA256:}
replication not_applicable
`
	if got := show(s); got != want {
		t.Errorf("settings\n%s\nwant\n%s", got, want)
	}
	// The server may keep a Date for a moment longer than its second.
	if !s.Skew.Known() || s.Skew.Value.Abs() > time.Second {
		t.Errorf("skew %+v on one machine", s.Skew)
	}
}

func TestSettingsOfMinIO(t *testing.T) {
	server := s3test.MinIO(t)
	store, cfg := server.Bucket(t)
	client := server.Client(t)
	rules := lifecycle.NewConfiguration()
	rules.Rules = []lifecycle.Rule{{ID: "old", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: "audit-logs/"},
		Expiration: lifecycle.Expiration{Days: 30}}}
	if err := client.SetBucketLifecycle(t.Context(), cfg.Bucket, rules); err != nil {
		t.Fatal(err)
	}
	s := store.Settings(t.Context())
	want := `versioning known Enabled
object_lock known {Enabled:true DefaultMode: Default:0 Years:false}
lifecycle known [{ID:old Enabled:true Prefix:audit-logs/ Narrowed:false Expires:true ExpiresAfterDays:30 ExpiresNoncurrent:false RemovesExpiredDeleteMarkers:false AbortsUploads:false Transitions:[]}]
public_access not_applicable
encryption known {Algorithm: KeyID:}
policy known {Raw: SHA256:}
replication known []
`
	if got := show(s); got != want {
		t.Errorf("settings\n%s\nwant\n%s", got, want)
	}
}

// Answers of Amazon S3 that no store of ours gives.
func TestSettingsOfAmazon(t *testing.T) {
	bodies := map[string]string{
		"versioning":  `<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`,
		"object-lock": `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Years>2</Years></DefaultRetention></Rule></ObjectLockConfiguration>`,
		"lifecycle": `<LifecycleConfiguration>
			<Rule><ID>a</ID><Status>Disabled</Status><Prefix>old/</Prefix><Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration></Rule>
			<Rule><ID>b</ID><Status>Enabled</Status><Filter><And><Prefix>x/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>
			<Rule><ID>c</ID><Status>Enabled</Status><Filter><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></Filter><Transition><Days>1</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition><NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition></Rule>
			<Rule><ID>d</ID><Status>Enabled</Status><Filter></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>
			</LifecycleConfiguration>`,
		"publicAccessBlock": `<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>`,
		"encryption":        `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:aws:kms:eu-central-1:1:key/k</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`,
		"policy":            `{"Version":"2012-10-17"}`,
		"replication":       `<ReplicationConfiguration><Role>r</Role><Rule><ID>copy</ID><Status>Enabled</Status><Destination><Bucket>arn:aws:s3:::other</Bucket></Destination></Rule></ReplicationConfiguration>`,
	}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		for name, body := range bodies {
			if r.URL.Query().Has(name) {
				_, _ = fmt.Fprint(w, body)
			}
		}
	})
	s := server.store(t, nil).Settings(t.Context())
	want := `versioning known Suspended
object_lock known {Enabled:true DefaultMode:GOVERNANCE Default:2 Years:true}
lifecycle known [` +
		`{ID:a Enabled:false Prefix:old/ Narrowed:false Expires:true ExpiresAfterDays:0 ExpiresNoncurrent:false RemovesExpiredDeleteMarkers:false AbortsUploads:false Transitions:[]} ` +
		`{ID:b Enabled:true Prefix:x/ Narrowed:true Expires:false ExpiresAfterDays:0 ExpiresNoncurrent:true RemovesExpiredDeleteMarkers:false AbortsUploads:false Transitions:[]} ` +
		`{ID:c Enabled:true Prefix: Narrowed:true Expires:false ExpiresAfterDays:0 ExpiresNoncurrent:false RemovesExpiredDeleteMarkers:false AbortsUploads:false Transitions:[DEEP_ARCHIVE GLACIER]} ` +
		`{ID:d Enabled:true Prefix: Narrowed:false Expires:false ExpiresAfterDays:0 ExpiresNoncurrent:false RemovesExpiredDeleteMarkers:true AbortsUploads:true Transitions:[]}]
public_access known open
encryption known {Algorithm:aws:kms KeyID:arn:aws:kms:eu-central-1:1:key/k}
policy known {Raw:{"Version":"2012-10-17"} SHA256:52279714d77bcfad953e90e091f01cf2b8df980cb4c43eea600ce15103933a2c}
replication known [{ID:copy Enabled:true Bucket:arn:aws:s3:::other}]
`
	if got := show(s); got != want {
		t.Errorf("settings\n%s\nwant\n%s", got, want)
	}
	if s.Skew.Value < 59*time.Minute || s.Skew.Value > 61*time.Minute {
		t.Errorf("skew %s, want an hour", s.Skew.Value)
	}
}

// Each setting is nothing, not there to be had, or not to be seen; never a guess.
func TestSettingsNotTold(t *testing.T) {
	for _, test := range []struct {
		name string
		step step
		want s3store.SettingState
	}{
		{"not implemented", fail(http.StatusNotImplemented, "NotImplemented"), s3store.SettingNotApplicable},
		{"forbidden", fail(http.StatusForbidden, "AccessDenied"), s3store.SettingUnknown},
		{"broken", fail(http.StatusInternalServerError, "InternalError"), s3store.SettingUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := serve(t, test.step).store(t, func(c *s3store.Config) { c.Timeout = 300 * time.Millisecond })
			for _, i := range list(store.Settings(t.Context())) {
				if i.State != test.want || i.Value != nil || (i.Err != nil) != (test.want == s3store.SettingUnknown) {
					t.Errorf("%s: %s %v, error %v, want %s", i.Name, i.State, i.Value, i.Err, test.want)
				}
			}
		})
	}
	absent := map[string]string{"object-lock": "ObjectLockConfigurationNotFoundError", "lifecycle": "NoSuchLifecycleConfiguration",
		"publicAccessBlock": "NoSuchPublicAccessBlockConfiguration", "encryption": "ServerSideEncryptionConfigurationNotFoundError",
		"policy": "NoSuchBucketPolicy", "replication": "ReplicationConfigurationNotFoundError"}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name, code := range absent {
			if r.URL.Query().Has(name) {
				fail(http.StatusNotFound, code)(w, r)
				return
			}
		}
		_, _ = fmt.Fprint(w, `<VersioningConfiguration></VersioningConfiguration>`)
	})
	s := server.store(t, nil).Settings(t.Context())
	want := `versioning known 
object_lock known {Enabled:false DefaultMode: Default:0 Years:false}
lifecycle known []
public_access known open
encryption known {Algorithm: KeyID:}
policy known {Raw: SHA256:}
replication known []
`
	if got := show(s); got != want {
		t.Errorf("settings\n%s\nwant\n%s", got, want)
	}
}
