package s3store_test

import (
	"strings"
	"testing"
)

const listHead = `<ListVersionsResult><EncodingType>url</EncodingType>`

func TestListingDecodesKeys(t *testing.T) {
	server := serve(t, answer(listHead+`<IsTruncated>true</IsTruncated>
		<NextKeyMarker>p%2F%01a+b%2Bc</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>
		<Version><Key>p%2F%01a+b%2Bc</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest></Version>
		<DeleteMarker><Key>p%2F%01a+b%2Bc</Key><VersionId>m1</VersionId><IsLatest>true</IsLatest></DeleteMarker>
		</ListVersionsResult>`), answer(listHead+`</ListVersionsResult>`))
	var got []string
	for info, err := range server.store(t, nil).Versions(t.Context(), "p/") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key+" "+info.VersionID)
	}
	if want := "p/\x01a b+c m1,p/\x01a b+c v1"; strings.Join(got, ",") != want {
		t.Errorf("listed %q, want %q", got, want)
	}
	if len(server.paths) != 2 || !strings.Contains(server.paths[1], "key-marker=p%2F%01a%20b%2Bc") ||
		!strings.Contains(server.paths[1], "version-id-marker=v1") {
		t.Errorf("asked %q", server.paths)
	}
}

// A page may end anywhere between the versions and markers of one key.
func TestListingOrder(t *testing.T) {
	entry := func(kind, key, version, latest, date string) string {
		return "<" + kind + "><Key>" + key + "</Key><VersionId>" + version + "</VersionId><IsLatest>" + latest +
			"</IsLatest><LastModified>2026-01-31T10:00:" + date + "Z</LastModified></" + kind + ">"
	}
	server := serve(t, answer(listHead+
		entry("Version", "a", "a3", "true", "09")+entry("Version", "a", "a1", "false", "01")+
		entry("Version", "c", "c1", "false", "05")+
		entry("DeleteMarker", "a", "a2", "false", "05")+entry("DeleteMarker", "b", "b1", "true", "01")+
		entry("DeleteMarker", "c", "c2", "true", "05")+`</ListVersionsResult>`))
	var got []string
	for info, err := range server.store(t, nil).Versions(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.VersionID)
	}
	if want := "a3 a2 a1 b1 c2 c1"; strings.Join(got, " ") != want {
		t.Errorf("listed %v, want %s", got, want)
	}
}

func TestListingThatNeverEnds(t *testing.T) {
	for name, page := range map[string]string{
		"no marker":       `<IsTruncated>true</IsTruncated>`,
		"the same marker": `<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker>`,
		"a malformed key": `<Version><Key>%zz</Key><VersionId>v</VersionId></Version>`,
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, answer(listHead+page+`</ListVersionsResult>`))
			var err error
			for _, err = range server.store(t, nil).Versions(t.Context(), "") {
			}
			if err == nil {
				t.Error("no error")
			}
			if server.requests() > 2 {
				t.Errorf("%d requests", server.requests())
			}
		})
	}
}
