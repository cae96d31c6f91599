module github.com/audit-archiver/archiver/examples/nethttp

go 1.25

require github.com/audit-archiver/archiver/clients/go v0.0.0

replace github.com/audit-archiver/archiver/clients/go => ../../clients/go
