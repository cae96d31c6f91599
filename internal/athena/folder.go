package athena

import (
	"os"
	"path/filepath"
)

// MakeFolder makes dir and what is missing between root and it, so that an engine's
// process that runs as another user can read the files there. Others are kept out
// by the folder above root.
func MakeFolder(root, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for ; len(dir) > len(root); dir = filepath.Dir(dir) { // whatever the umask is
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}
