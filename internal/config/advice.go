package config

// Advice is about values that are valid, and that may do harm on some machines.
func (c *Config) Advice() []Problem {
	k := &checker{}
	// Events are refused once the log has come down to the reserve. From there on the
	// oldest batch has nothing but the reserve to become Parquet in, which takes about as
	// much as the log does where events cannot be compressed.
	if reserve, batch := c.WAL.ReserveBytes, c.Seal.Bytes; reserve < batch {
		mend := "raise wal.reserve_bytes to " + batch.String()
		if reserve >= sealBytesLeast {
			mend += ", or lower seal.bytes to " + reserve.String()
		}
		k.complain("wal.reserve_bytes", "%v is less than seal.bytes, %v: on a disk that is full before the WAL has wal.high_water_bytes, %v, the oldest batch may find no room, and nothing but archiving it makes room; %s",
			reserve, batch, c.WAL.HighWaterBytes, mend)
	}
	return k.problems
}
