package cloudwatch

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func at(offsets ...time.Duration) (events []InputEvent) {
	for _, d := range offsets {
		events = append(events, InputEvent{noon().Add(d).UnixMilli(), "x"})
	}
	return events
}

func of(sizes ...int) []InputEvent {
	events := at(make([]time.Duration, len(sizes))...)
	for i, n := range sizes {
		events[i].Message = strings.Repeat("x", n)
	}
	return events
}

// TestCheck is at each limit of the documentation, and one beyond.
func TestCheck(t *testing.T) {
	const day, ms = 24 * time.Hour, time.Millisecond
	for _, tt := range []struct {
		name   string
		events []InputEvent
		want   string // part of the message; empty: taken
	}{
		{"none", nil, "length greater"},
		{"10,000", at(make([]time.Duration, 10_000)...), ""},
		{"10,001", at(make([]time.Duration, 10_001)...), "length less"},
		{"1 MiB", of(524_288-26, 524_288-26), ""},
		{"1 MiB and a byte", of(524_288-26, 524_288-26+1), "Upload too large"},
		{"an event of 1 MiB", of(1<<20 - 26), ""},
		{"an event of 1 MiB and a byte", of(1<<20 - 26 + 1), "Log event too large: 1048577 bytes"},
		{"bytes, not characters", []InputEvent{{noon().UnixMilli(), strings.Repeat("é", 1<<19-13)}}, ""},
		{"an empty message", of(0), "logEvents.1"},
		{"before 1970", []InputEvent{{-1, "x"}}, "logEvents.1"},
		{"in order", at(0, 0, ms), ""},
		{"not in order", at(0, -ms), "chronological"},
		{"24 hours", at(-day, 0), ""},
		{"24 hours and a millisecond", at(-day-ms, 0), "24 hours"},
		{"24 hours of valid ones", at(-100*day, -15*day, -day, 0, 3*time.Hour), ""},
		{"more than 24 hours between invalid ones", at(-100*day, 100*day), ""},
	} {
		problem := check(tt.events, noon(), MaxBytes)
		if tt.want == "" && problem != nil || tt.want != "" && (problem == nil || !strings.Contains(problem.message, tt.want)) {
			t.Errorf("%s: %+v, want %q", tt.name, problem, tt.want)
		}
	}
	if problem := check(of(100), noon(), 125); problem == nil {
		t.Error("an event over a limit that was set lower is taken")
	}
}

func TestWindow(t *testing.T) {
	const day, ms = 24 * time.Hour, time.Millisecond
	for _, tt := range []struct {
		name      string
		events    []InputEvent
		retention time.Duration
		want      string
	}{
		{"all", at(-14*day, 0, 2*time.Hour), 0, "0 3 map[]"},
		{"too old", at(-14*day-ms, -14*day, 0), 0, "1 3 map[tooOldLogEventEndIndex:1]"},
		{"too new", at(0, 2*time.Hour, 2*time.Hour+ms), 0, "0 2 map[tooNewLogEventStartIndex:2]"},
		{"expired", at(-7*day-ms, -7*day, 0), 7 * day, "1 3 map[expiredLogEventEndIndex:1]"},
		{"each", at(-15*day, -8*day, -8*day, 0, 3*time.Hour), 7 * day, "3 4 map[expiredLogEventEndIndex:3 tooNewLogEventStartIndex:4 tooOldLogEventEndIndex:1]"},
		{"none", at(-15*day, 3*time.Hour), 0, "1 1 map[tooNewLogEventStartIndex:1 tooOldLogEventEndIndex:1]"},
		{"only new", at(3*time.Hour, 3*time.Hour), 0, "0 0 map[tooNewLogEventStartIndex:0]"},
	} {
		first, last, rejected := window(tt.events, noon(), tt.retention)
		if got := fmt.Sprint(first, last, rejected); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// complaints is a testing.TB that counts what would fail a test.
type complaints struct {
	testing.TB
	n int
}

func (c *complaints) Errorf(string, ...any) { c.n++ }

// TestServer is spoken to without an SDK, as the API Reference has it.
func TestServer(t *testing.T) {
	police := &complaints{TB: t}
	s := New(police, noon)
	call := func(operation, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/logs/aws4_request, SignedHeaders=host, Signature=0")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	put := func(events string) string {
		return `{"logGroupName":"g","logStreamName":"s","logEvents":[` + events + `]}`
	}
	ms := noon().UnixMilli()
	for _, tt := range []struct {
		operation, body string
		status          int
		want            string
		complaints      int
	}{
		{"PutLogEvents", put(`{"timestamp":1,"message":"x"}`), 400, "ResourceNotFoundException", 0},
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"s"}`, 400, "ResourceNotFoundException", 0},
		{"CreateLogGroup", `{"logGroupName":"g"}`, 200, "", 0},
		{"CreateLogGroup", `{"logGroupName":"g"}`, 400, "ResourceAlreadyExistsException", 0},
		{"CreateLogGroup", `{"logGroupName":"a b"}`, 400, "InvalidParameterException", 1},
		{"PutLogEvents", put(`{"timestamp":1,"message":"x"}`), 400, "ResourceNotFoundException", 1},
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"s"}`, 200, "", 1},
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"s"}`, 400, "ResourceAlreadyExistsException", 1},
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"a:b"}`, 400, "InvalidParameterException", 2},
		{"PutLogEvents", put(fmt.Sprintf(`{"timestamp":1,"message":"old"},{"timestamp":%d,"message":"now"}`, ms)), 200, `"tooOldLogEventEndIndex":1`, 2},
		{"PutLogEvents", put(""), 400, "InvalidParameterException", 3},
		{"PutLogEvents", put(`{"timestamp":1,"text":"x"}`), 400, "InvalidParameterException", 4},
		{"DescribeLogGroups", "{}", 400, "UnknownOperationException", 5},
	} {
		status, text := call(tt.operation, tt.body)
		if status != tt.status || !strings.Contains(text, tt.want) || police.n != tt.complaints {
			t.Errorf("%s %s: %d %s, %d complaints, want %d %s, %d", tt.operation, tt.body, status, text, police.n, tt.status, tt.want, tt.complaints)
		}
	}
	if got := s.Events("g", "s"); len(got) != 1 || got[0].Message != "now" || got[0].Timestamp != ms {
		t.Errorf("stored %+v", got)
	}
}
