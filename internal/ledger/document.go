package ledger

// EncodeDocument spells doc, a struct, as one line of JSON: the only spelling
// that DecodeDocument takes. Packages with documents of their own use it, so that
// there is one rule for all (docs/format/ledger.md, 1).
func EncodeDocument(doc any) ([]byte, error) { return encodeLine(doc) }

// DecodeDocument reads what EncodeDocument wrote, and refuses every other
// spelling and unknown members.
func DecodeDocument(line []byte, doc any) error { return decodeLine(line, doc, rejectUnknown) }

// MaxNoteBytes bounds the archive object, an open object, and a checkpoint.
const MaxNoteBytes = maxNoteBytes
