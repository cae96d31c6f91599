package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror/cloudwatch"
)

// cloudwatchStatus is what there is to say about a mirror in CloudWatch Logs, from
// its folder on this machine.
type cloudwatchStatus struct {
	Folder   string             `json:"folder"`
	Region   string             `json:"region"`
	LogGroup string             `json:"log_group"`
	Weak     []string           `json:"weak"`
	Streams  []cloudwatchStream `json:"streams"`
}

type cloudwatchStream struct {
	Stream        string            `json:"stream"`
	LogStream     string            `json:"log_stream"`
	NextCommit    int64             `json:"next_commit"`
	NextRow       int64             `json:"next_row"`
	Commits       int64             `json:"commits"` // in the ledger
	BehindCommits int64             `json:"behind_commits"`
	BehindRows    int64             `json:"behind_rows"`
	Sent          int64             `json:"sent"`
	Rejected      cloudwatch.Counts `json:"rejected"`

	// LatestRejected ends with the latest. The reports have more of them.
	LatestRejected []cloudwatch.Rejection `json:"latest_rejected"`
	Reports        []string               `json:"reports"` // files on this machine, the newer one last
}

// readCloudWatchStatus names at most so many rejected events of each stream.
func readCloudWatchStatus(site mirrorSite, view *ledger.View, most int) (*cloudwatchStatus, error) {
	m := site.cfg.Mirror.CloudWatch
	answer := &cloudwatchStatus{Folder: logsDir(site.cfg), Region: m.Region, LogGroup: m.LogGroup, Weak: []string{}, Streams: []cloudwatchStream{}}
	cursors, err := cloudwatch.ReadCursors(durable.OS(), answer.Folder)
	if err != nil {
		return nil, fmt.Errorf("mirror status: %w", err)
	}
	if len(cursors) == 0 {
		answer.Weak = append(answer.Weak, "there are no cursors in "+answer.Folder+": nothing was sent from this machine")
	}
	known := streamsOf(view)
	for stream, c := range cursors {
		s := cloudwatchStream{Stream: stream.String(), LogStream: c.LogStream, NextCommit: c.Index, NextRow: c.Row, Sent: c.Sent, Rejected: c.Rejected}
		for _, file := range []int{1 - c.Report.File, c.Report.File} {
			name := cloudwatch.ReportName(answer.Folder, stream, file)
			if _, err := os.Lstat(name); err == nil {
				s.Reports = append(s.Reports, name)
			}
		}
		if s.LatestRejected, err = cloudwatch.ReadRejections(durable.OS(), answer.Folder, stream, c, most); err != nil {
			return nil, fmt.Errorf("mirror status: %w", err)
		}
		if c.Region != m.Region || c.LogGroup != m.LogGroup || c.LogStream != m.LogStreamPrefix+s.Stream {
			answer.Weak = append(answer.Weak, fmt.Sprintf("the cursor of stream %s is that of log stream %s in log group %s, region %s: the mirror stands still", stream, c.LogStream, c.LogGroup, c.Region))
		}
		answer.add(s, known[s.Stream])
	}
	for id, s := range known {
		if _, ok := cursors[s.Open.Stream]; !ok {
			answer.add(cloudwatchStream{Stream: id, LogStream: m.LogStreamPrefix + id}, s)
		}
	}
	slices.Sort(answer.Weak)
	slices.SortFunc(answer.Streams, func(a, b cloudwatchStream) int { return strings.Compare(a.Stream, b.Stream) })
	return answer, nil
}

func (a *cloudwatchStatus) add(c cloudwatchStream, s *ledger.Stream) {
	if s != nil {
		c.Commits, c.BehindCommits, c.BehindRows = behind(s, c.NextCommit, c.NextRow)
	}
	c.LatestRejected = append([]cloudwatch.Rejection{}, c.LatestRejected...) // empty lists, not null
	c.Reports = append([]string{}, c.Reports...)
	a.Streams = append(a.Streams, c)
}

func (a *cloudwatchStatus) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CLOUDWATCH STREAM\tCOMMITS\tOF\tBEHIND ROWS\tSENT\tTOO OLD\tTOO NEW\tEXPIRED\tTOO LARGE\tREFUSED")
	for _, s := range a.Streams {
		r := s.Rejected
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", s.Stream, s.NextCommit, s.Commits, s.BehindRows, s.Sent,
			r.TooOld, r.TooNew, r.Expired, r.TooLarge, r.Refused)
	}
	fmt.Fprintf(w, "\nlog group %s in %s, cursors in %s\n", a.LogGroup, a.Region, a.Folder)
	for _, s := range a.Streams {
		for _, r := range s.LatestRejected {
			fmt.Fprintf(w, "%s  stream %s seq %d  id %q of %s: in the archive only\n", r.Reason, s.Stream, r.Seq, r.ID, r.Timestamp.Format(time.RFC3339))
		}
		if len(s.LatestRejected) > 0 {
			fmt.Fprintf(w, "more of them: %s\n", strings.Join(s.Reports, ", "))
		}
	}
	var errs []error
	for _, weak := range a.Weak {
		_, err := fmt.Fprintln(w, "WEAK:", weak)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, w.Flush())...)
}
