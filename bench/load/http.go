package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
)

// httpSender posts events over one connection that is kept alive.
type httpSender struct {
	conn     net.Conn
	answers  *bufio.Reader
	fresh    *Fresh
	requests []*Message
}

// ConnectHTTP returns a client that posts NDJSON to /v1/events.
func ConnectHTTP(ctx context.Context, address string, client int, requests [][]event.Event) (Sender, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &httpSender{conn: conn, answers: bufio.NewReaderSize(conn, 64<<10), fresh: NewFresh(client)}
	for _, events := range requests {
		s.requests = append(s.requests, httpRequest(address, events))
	}
	return s, nil
}

// httpRequest is a whole request: head and body.
func httpRequest(address string, events []event.Event) *Message {
	body := &Message{}
	for i := range events {
		body.AppendJSON(&events[i])
		body.Bytes = append(body.Bytes, '\n')
	}
	head := fmt.Appendf(nil, "POST /v1/events HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n",
		address, len(body.Bytes))
	for i := range body.places {
		p := &body.places[i]
		p.id, p.time = p.id+len(head), p.time+len(head)
		if p.request >= 0 {
			p.request += len(head)
		}
	}
	body.Bytes = append(head, body.Bytes...)
	return body
}

// Send implements Sender.
func (s *httpSender) Send(i int) error {
	r := s.requests[i]
	s.fresh.Renew(r)
	if _, err := s.conn.Write(r.Bytes); err != nil {
		return err
	}
	answer, err := http.ReadResponse(s.answers, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch {
	case answer.Header.Get("Retry-After") != "":
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return err
		}
		after, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if err != nil {
			return fmt.Errorf("%s: time to come back: %w", answer.Status, err)
		}
		return &Refused{time.Duration(after) * time.Second}
	case answer.StatusCode != http.StatusOK:
		text, err := io.ReadAll(io.LimitReader(answer.Body, 2000))
		return fmt.Errorf("%s: %s (%w)", answer.Status, text, err)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// Close implements Sender.
func (s *httpSender) Close() { _ = s.conn.Close() }
