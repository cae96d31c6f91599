module github.com/audit-archiver/archiver/clients/go

go 1.25
