package durable

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// MkdirAll creates a folder and the parents that it lacks, and returns nil only once
// the names of all that it made are durable. A sync that fails is marked ErrSync.
//
// A parent is durable before a folder is made in it. So of a folder that is there only
// its own name can be missing on the disk, when somebody made it and died before the
// sync: that one is made up for.
func MkdirAll(fsys FS, name string, perm fs.FileMode) error {
	name = filepath.Clean(name)
	parent := filepath.Dir(name)
	_, err := fsys.ReadDir(name)
	there := err == nil
	if !there {
		// Who may not read it learns from Mkdir that it is there.
		secret := errors.Is(err, fs.ErrPermission)
		if !errors.Is(err, fs.ErrNotExist) && !secret || parent == name {
			return err
		}
		if !secret {
			if err := MkdirAll(fsys, parent, perm); err != nil {
				return err
			}
		}
		switch err := fsys.Mkdir(name, perm); {
		case errors.Is(err, fs.ErrExist):
			there = secret
		case err != nil:
			return err
		}
	}
	err = fsys.SyncDir(parent)
	if err == nil || there && errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrSync) { // who may not read the parent did not make it
		return nil
	}
	return err
}
