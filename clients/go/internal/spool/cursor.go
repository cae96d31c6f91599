package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// cursorName is the file that says up to where a folder is delivered.
const cursorName = "cursor"

// position is a place in a folder: everything before it is delivered.
type position struct {
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
}

// write replaces the cursor. It is not synced: a cursor that lags behind costs
// only that events are sent again, and the sidecar recognises them.
func (p position) write(dir string) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write cursor: %w", err)
	}
	name := filepath.Join(dir, cursorName)
	if err := os.WriteFile(name+".tmp", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write cursor: %w", err)
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return fmt.Errorf("write cursor: %w", err)
	}
	return nil
}

// readCursor returns the start when there is no cursor, or one that a power
// failure left unreadable: then everything is sent again.
func readCursor(dir string) (position, error) {
	b, err := os.ReadFile(filepath.Join(dir, cursorName))
	if errors.Is(err, fs.ErrNotExist) {
		return position{}, nil
	}
	if err != nil {
		return position{}, fmt.Errorf("read cursor: %w", err)
	}
	var p position
	if json.Unmarshal(b, &p) == nil && p.Offset >= 0 {
		return p, nil
	}
	return position{}, nil
}
