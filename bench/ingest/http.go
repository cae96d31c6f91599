package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// httpSender posts events over one connection. The requests are put together
// beforehand, so that little of the machine goes to the load generator.
type httpSender struct {
	conn     net.Conn
	answers  *bufio.Reader
	requests []wireRequest
}

type wireRequest struct {
	bytes []byte
	ids   []int // where the changing part of each id begins
}

func connectHTTP(ctx context.Context, address string, requests [][]record) (sender, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &httpSender{conn: conn, answers: bufio.NewReaderSize(conn, 64<<10)}
	for _, records := range requests {
		s.requests = append(s.requests, newWireRequest(address, records))
	}
	return s, nil
}

func newWireRequest(address string, records []record) wireRequest {
	size := 0
	for _, r := range records {
		size += len(r.json) + 1
	}
	var w wireRequest
	w.bytes = fmt.Appendf(nil, "POST /v1/events HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n",
		address, size)
	for _, r := range records {
		w.ids = append(w.ids, len(w.bytes)+idAt+36-idTail)
		w.bytes = append(append(w.bytes, r.json...), '\n')
	}
	return w
}

func (s *httpSender) send(i, uses int) error {
	r := &s.requests[i]
	for _, at := range r.ids {
		tail(r.bytes[at:at+idTail], uses)
	}
	if _, err := s.conn.Write(r.bytes); err != nil {
		return err
	}
	answer, err := http.ReadResponse(s.answers, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 500 {
		_, err := io.Copy(io.Discard, answer.Body)
		if err != nil {
			return err
		}
		return errRefused
	}
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(answer.Body, 2000))
		return fmt.Errorf("%s: %s (%w)", answer.Status, text, err)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func (s *httpSender) close() { s.conn.Close() }
