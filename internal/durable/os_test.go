package durable

import (
	"errors"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMarkDisk: of a write past the page cache, what a disk may say is as final as what
// it says of a sync, and a lack of room is not.
func TestMarkDisk(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EIO, unix.ENODATA, unix.EREMOTEIO, unix.ETIMEDOUT, unix.ENOLINK, unix.EILSEQ, unix.EBADE, unix.ENODEV, unix.EROFS} {
		if err := markDisk(&fs.PathError{Op: "write", Path: "f", Err: errno}); !errors.Is(err, ErrSync) || !errors.Is(err, errno) {
			t.Errorf("%v is not final: %v", unix.ErrnoName(errno), err)
		}
	}
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EDQUOT, unix.EFBIG, unix.ENOMEM, unix.EAGAIN, unix.EINVAL} {
		if err := markDisk(&fs.PathError{Op: "write", Path: "f", Err: errno}); errors.Is(err, ErrSync) || !errors.Is(err, errno) {
			t.Errorf("%v is final: %v", unix.ErrnoName(errno), err)
		}
	}
	if err := markDisk(nil); err != nil {
		t.Error(err)
	}
}
