package ledger

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Join returns the key in the bucket of what an archive calls name. Manifests
// name objects relative to the archive's prefix, so that an archive can be
// copied elsewhere and still be proved.
func Join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "/" + name
}

// ArchiveKey is the key of the archive object.
func ArchiveKey(prefix string) string { return Join(prefix, "archive") }

// OpenKey is the key of a stream's open object.
func OpenKey(prefix string, stream uuid.UUID) string {
	return Join(prefix, ledgerDir+stream.String()+"/"+openName)
}

// CommitKey is the key of one commit object.
func CommitKey(prefix string, stream uuid.UUID, index int64) string {
	return Join(prefix, fmt.Sprintf(ledgerDir+"%s/%020d"+commitSuffix, stream, index))
}

// DataName is the name of the file that holds the rows of batch [first, last]
// of one class and day, relative to the archive's prefix.
func DataName(class, day string, stream uuid.UUID, first, last int64) string {
	return fmt.Sprintf("%s%020d-%020d.parquet", DataPrefix(class, day, stream), first, last)
}

// DataPrefix is what the names of a stream's files of one class and day begin with.
func DataPrefix(class, day string, stream uuid.UUID) string {
	return fmt.Sprintf("events/retention=%s/dt=%s/%s-", class, day, stream)
}

const (
	ledgerDir    = "ledger/"
	openName     = "open"
	commitSuffix = ".commit"
	seqDigits    = 20
)

// parseLedgerName takes apart a name under <prefix>/ledger/. Index is -1 for a
// stream's open object. ok is false for a name that no archiver writes.
func parseLedgerName(name string) (stream uuid.UUID, index int64, ok bool) {
	id, object, ok := strings.Cut(name, "/")
	stream, err := uuid.Parse(id)
	if !ok || err != nil || stream.String() != id {
		return uuid.UUID{}, 0, false
	}
	if object == openName {
		return stream, -1, true
	}
	digits, ok := strings.CutSuffix(object, commitSuffix)
	if !ok || len(digits) != seqDigits {
		return uuid.UUID{}, 0, false
	}
	u, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || u > maxInt {
		return uuid.UUID{}, 0, false
	}
	return stream, int64(u), true
}

// ParseCommitKey takes the key of a commit object apart, which CommitKey made.
func ParseCommitKey(prefix, key string) (stream uuid.UUID, index int64, ok bool) {
	name, ok := strings.CutPrefix(key, Join(prefix, ledgerDir))
	if !ok {
		return uuid.UUID{}, 0, false
	}
	stream, index, ok = parseLedgerName(name)
	return stream, index, ok && index >= 0
}

// validClass reports whether s is [a-z][a-z0-9-]{0,31}.
func validClass(s string) bool {
	if len(s) == 0 || len(s) > 32 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
