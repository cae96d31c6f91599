package parquet

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

const dayLayout = "2006-01-02"

// KeyParts is what the key of a data file says.
type KeyParts struct {
	Class  string // retention class
	Day    string // UTC date, yyyy-MM-dd
	Stream uuid.UUID
	First  int64 // first seq of the batch
	Last   int64 // last seq of the batch, inclusive
}

// Key names the file that holds a batch's rows of one class and day. First and last are the seq range of
// the whole batch, so that each file of a batch has the same name in its own partition. An empty prefix adds nothing.
func Key(prefix, class, day string, stream uuid.UUID, first, last int64) string {
	key := fmt.Sprintf("events/retention=%s/dt=%s/%s-%020d-%020d.parquet", class, day, stream, first, last)
	if prefix == "" {
		return key
	}
	return prefix + "/" + key
}

// ParseKey is the inverse of Key. It accepts exactly what Key makes of valid parts, so an
// object beside the data with nearly the right name is not taken for data.
func ParseKey(prefix, key string) (KeyParts, bool) {
	rest := key
	if prefix != "" {
		rest = strings.TrimPrefix(key, prefix+"/")
	}
	part := strings.Split(rest, "/")
	if len(part) != 4 {
		return KeyParts{}, false
	}
	p := KeyParts{
		Class: strings.TrimPrefix(part[1], "retention="),
		Day:   strings.TrimPrefix(part[2], "dt="),
	}
	const nameLen = 36 + 1 + 20 + 1 + 20 + len(".parquet")
	name := part[3]
	if len(name) != nameLen || !event.ValidClass(p.Class) || !validDay(p.Day) {
		return KeyParts{}, false
	}
	var errs [3]error
	p.Stream, errs[0] = uuid.Parse(name[:36])
	p.First, errs[1] = strconv.ParseInt(name[37:57], 10, 64)
	p.Last, errs[2] = strconv.ParseInt(name[58:78], 10, 64)
	for _, err := range errs {
		if err != nil {
			return KeyParts{}, false
		}
	}
	if p.First < 0 || p.Last < p.First {
		return KeyParts{}, false
	}
	if Key(prefix, p.Class, p.Day, p.Stream, p.First, p.Last) != key {
		return KeyParts{}, false
	}
	return p, true
}

func validDay(s string) bool {
	t, err := time.Parse(dayLayout, s)
	return err == nil && t.Format(dayLayout) == s
}
