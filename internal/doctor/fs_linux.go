package doctor

import (
	"fmt"
	"syscall"
)

// fragile are file systems whose fsync promises less, by their magic (statfs(2)).
var fragile = map[uint32]string{
	0x01021994: "tmpfs, which is memory",
	0x858458f6: "ramfs, which is memory",
	0x6969:     "NFS",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB",
	0x65735546: "FUSE",
	0x01021997: "9p",
}

// fileSystem names the kind of file system when it is one to avoid, and is "" for
// every other.
func fileSystem(dir string) (kind string, known bool, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return "", false, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return fragile[uint32(st.Type)], true, nil //nolint:gosec // magics have 32 bits; the field's width depends on the machine
}
