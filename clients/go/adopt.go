package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/audit-archiver/archiver/clients/go/internal/spool"
)

// adoptInterval is how often a client looks for spools whose process has ended.
const adoptInterval = 30 * time.Second

// adopt delivers the spools that others have left, until ctx ends. One at a
// time: what cannot be delivered now could not be in parallel either.
func (c *Client) adopt(ctx context.Context) {
	for ctx.Err() == nil {
		dirs, err := spool.Orphans(c.o.SpoolDir, language)
		c.trouble("list spools", err)
		for _, dir := range dirs {
			if ctx.Err() != nil {
				return
			}
			if dir == c.spool.Dir() {
				continue
			}
			c.trouble("adopt a spool", c.adoptOne(ctx, dir))
		}
		pause(ctx, adoptInterval, nil)
	}
}

// adoptOne delivers what is in dir, if its process has ended, and removes it. If
// ctx ends before, or an error does, the folder is given back as it is then.
func (c *Client) adoptOne(ctx context.Context, dir string) (err error) {
	orphan, err := spool.Adopt(dir)
	if orphan == nil || err != nil {
		return err
	}
	d := &delivery{c: c, r: orphan.Reader}
	for {
		more, err := d.next(ctx)
		switch {
		case ctx.Err() != nil:
			return orphan.Release()
		case err != nil:
			_ = orphan.Release() // the folder is taken again in the next round
			return fmt.Errorf("adopt: %w", err)
		case !more:
			return orphan.Remove()
		}
	}
}
