package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror/cloudwatch"
)

// cloudWatchStream is how far one stream of the archive is in CloudWatch Logs.
type cloudWatchStream struct {
	Stream        string            `json:"stream"`
	LogStream     string            `json:"log_stream"` // "" before its first event
	NextCommit    int64             `json:"next_commit"`
	NextRow       int64             `json:"next_row"`
	Commits       int64             `json:"commits"` // in the ledger
	BehindCommits int64             `json:"behind_commits"`
	BehindRows    int64             `json:"behind_rows"`
	Sent          int64             `json:"sent_events"`
	Rejected      cloudwatch.Counts `json:"rejected_events"`
	Report        string            `json:"report"` // names the rejected events; "" when there are none
}

// cloudWatchStatus puts the cursors in the data folder beside the ledger.
func cloudWatchStatus(c config.Config, view *ledger.View) ([]cloudWatchStream, error) {
	dir := cloudWatchDir(c)
	cursors, err := cloudwatch.ReadCursors(durable.OS(), dir)
	if err != nil {
		return nil, err
	}
	all := []cloudWatchStream{}
	for i := range view.Streams {
		s := &view.Streams[i]
		at := cursors[s.Open.Stream]
		m := cloudWatchStream{Stream: s.Open.Stream.String(), LogStream: at.LogStream, NextCommit: at.Index, NextRow: at.Row,
			Commits: s.Head.Index + 1, Sent: at.Sent, Rejected: at.Rejected}
		m.BehindCommits = max(0, m.Commits-m.NextCommit)
		if m.BehindCommits > 0 {
			m.BehindRows = s.Head.NextSeq - s.Manifests[m.NextCommit].First - m.NextRow
		}
		if at.Rejected != (cloudwatch.Counts{}) {
			m.Report = cloudwatch.ReportName(dir, s.Open.Stream, at.Report.File)
		}
		all = append(all, m)
	}
	return all, nil
}

func printCloudWatch(out io.Writer, c config.Config, streams []cloudWatchStream) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "CloudWatch Logs group %s\n", c.Mirror.CloudWatch.LogGroup)
	fmt.Fprintln(w, "STREAM\tCOMMITS\tOF\tBEHIND ROWS\tSENT\tTOO OLD\tTOO NEW\tEXPIRED\tTOO LARGE\tREFUSED\tREPORT")
	var errs []error
	for _, m := range streams {
		r := m.Rejected
		_, err := fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", m.Stream, m.NextCommit, m.Commits, m.BehindRows, m.Sent,
			r.TooOld, r.TooNew, r.Expired, r.TooLarge, r.Refused, m.Report)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, w.Flush())...)
}
