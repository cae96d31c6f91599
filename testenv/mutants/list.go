package main

// mutant is one safeguard: where it is, how the program looks without it, and the
// tests that are there for it.
type mutant struct {
	name, file string
	old, new   string // old is in file exactly once
	pkg, tests string
}

var mutants = []mutant{
	{"fdatasync of the log", "internal/buffer/commit.go",
		"	if err := w.file.Sync(); err != nil {\n		return start, 0, b.fail(", "	if err := error(nil); err != nil {\n		return start, 0, b.fail(",
		"./internal/buffer", "TestNoAnswerBeforeSync|TestCrashAtEveryOperation"},
	{"a failed fdatasync is final", "internal/buffer/commit.go",
		"	if err := w.file.Sync(); err != nil {\n		return start, 0, b.fail(", "	err = w.file.Sync()\n	if err != nil {\n		err = w.file.Sync()\n	}\n	if err != nil {\n		return start, 0, b.fail(",
		"./internal/buffer", "TestDamageIsSticky|TestFaultAtEveryOperation|TestLostPages"},
	{"fsync of the folder for a new segment", "internal/buffer/segments.go",
		"	if err := b.o.FS.SyncDir(b.o.Dir); err != nil {\n		return name, 0, fmt.Errorf(", "	if err := error(nil); err != nil {\n		return name, 0, fmt.Errorf(",
		"./internal/buffer", "TestCrashAtEveryOperation"},
	{"fsync of the folder after a rename", "internal/durable/file.go",
		"	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {", "	_ = filepath.Dir\n	if err := error(nil); err != nil {",
		"./internal/durable/...", "."},
	{"the answer waits for the sync", "internal/buffer/commit.go",
		"	err := b.writeGroup(g)\n", "	for _, r := range g.requests {\n		r.done <- nil\n	}\n	err := b.writeGroup(g)\n",
		"./internal/buffer", "TestNoAnswerBeforeSync"},
	{"a short write is an error", "internal/buffer/commit.go",
		"	if err == nil && n < len(p) {", "	if false && n < len(p) {",
		"./internal/buffer", "TestShortWrite"},
	{"If-None-Match", "internal/s3store/s3store.go",
		"		IfNoneMatch:               aws.String(\"*\"),\n", "",
		"./internal/s3store", "TestContractEmbedded|TestPutRequest"},
	{"the checksum of an upload", "internal/s3store/s3store.go",
		"		ChecksumSHA256:            &sum,\n", "",
		"./internal/s3store", "TestContractEmbedded|TestPutRequest"},
	{"the lock of an upload", "internal/s3store/s3store.go",
		"		ObjectLockMode:            s3types.ObjectLockModeCompliance,\n		ObjectLockRetainUntilDate: aws.Time(p.RetainUntil.UTC()),\n", "",
		"./internal/s3store", "TestContractEmbedded|TestPutRequest"},
	{"HEAD after an upload", "internal/archive/put.go",
		"	if err := b.confirm(ctx, u, &info, u.RetainUntil); err != nil {\n		return object.Info{}, fmt.Errorf(\"confirm %s version", "	if err := error(nil); err != nil {\n		return object.Info{}, fmt.Errorf(\"confirm %s version",
		"./internal/archive", "TestUnconfirmedLockIsNotCommitted|TestFaultB40Unlocked"},
	{"the journal before the commit", "internal/archive/state.go",
		"		if err := a.save(a.pendingPath(), p); err != nil {\n			return fmt.Errorf(\"journal commit %d: %w\", p.Index, err)\n		}\n		a.journaled = true\n	}\n	return a.send(ctx)",
		"		a.journaled = true\n	}\n	return a.send(ctx)",
		"./internal/archive", "TestCrashAtEveryStoreCall|TestPowerLossAtEveryDiskOperation"},
	{"the commit before the release", "internal/archive/commit.go",
		"		if err := a.publish(ctx, m, b.Number+1, a.state.Identity); err != nil {\n			return err\n		}\n	} else",
		"		if err := a.queue.Release(ctx, b); err != nil {\n			return err\n		}\n		if err := a.publish(ctx, m, b.Number+1, a.state.Identity); err != nil {\n			return err\n		}\n	} else",
		"./internal/archive", "TestCrashAtEveryStoreCall|TestPowerLossAtEveryDiskOperation"},
	{"a repeated event is recognised", "internal/buffer/recent.go",
		"	if seq, ok := t.index[m.key[8]].find(t, &m.key); ok {\n		return seq, *t.at(seq), false\n	}\n", "",
		"./internal/buffer", "TestRetry"},
	{"the ids of released events are kept", "internal/buffer/batch.go",
		"	if err := b.marks.save(ctx, b, batch); err != nil {", "	if err := error(nil); err != nil {",
		"./internal/buffer", "TestRetry|TestCrashAtEveryOperation"},
}
