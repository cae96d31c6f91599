//go:build !linux

package cache

import (
	"io/fs"
	"time"
)

// changeTime is the modification time: the change time has no portable name.
func changeTime(info fs.FileInfo) time.Time { return info.ModTime() }
