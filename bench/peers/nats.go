package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/proc"
	"github.com/audit-archiver/archiver/internal/event"
)

const (
	natsName    = "nats"
	natsStream  = "AUDIT"
	natsSubject = "audit.events"
	natsVersion = natsserver.VERSION
)

// natsPeer is a NATS server with JetStream, one replica, file storage and `sync_interval: always`, so that an
// acknowledgement means what ours means. It does not look for repeated ids, which is to its advantage.
type natsPeer struct {
	*proc.Process
	url string
	dir string
}

func startNATS(ctx context.Context, _ options, dir string) (load.Server, error) {
	p, url, err := startSelf(natsName, dir)
	if err != nil {
		return nil, err
	}
	n := &natsPeer{p, url, dir}
	if err := n.create(ctx); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return n, nil
}

// serveNATS runs the server, which is a library, in this process.
func serveNATS(dir string) error {
	srv, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true,
		StoreDir: dir, SyncAlways: true, DontListen: false, NoSigs: true, NoLog: true})
	if err != nil {
		return err
	}
	srv.Start()
	if !srv.ReadyForConnections(30 * time.Second) {
		return errors.New("the NATS server is not ready after 30 s")
	}
	fmt.Println(srv.ClientURL())
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	srv.Shutdown()
	return nil
}

func (n *natsPeer) create(ctx context.Context) error {
	nc, err := nats.Connect(n.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: natsStream, Subjects: []string{natsSubject}, Storage: jetstream.FileStorage,
		Replicas: 1, AllowAtomicPublish: true})
	return err
}

// natsSender publishes each event as one message. A batch is an atomic batch of the server (2.12 and later): it is
// stored as a whole or not at all, with one acknowledgement, as ours is.
type natsSender struct {
	ctx      context.Context
	nc       *nats.Conn
	fresh    *load.Fresh
	requests [][]*load.Message
}

func (n *natsPeer) Connect(ctx context.Context, client int, requests [][]event.Event) (load.Sender, error) {
	nc, err := nats.Connect(n.url)
	if err != nil {
		return nil, err
	}
	s := &natsSender{ctx: ctx, nc: nc, fresh: load.NewFresh(client)}
	for _, events := range requests {
		var messages []*load.Message
		for i := range events {
			m := &load.Message{}
			m.AppendJSON(&events[i])
			messages = append(messages, m)
		}
		s.requests = append(s.requests, messages)
	}
	return s, nil
}

func (s *natsSender) Send(i int) error {
	messages := s.requests[i]
	batch := nuid.Next()
	for n, m := range messages {
		s.fresh.Renew(m)
		msg := &nats.Msg{Subject: natsSubject, Data: m.Bytes}
		last := n == len(messages)-1
		if len(messages) > 1 {
			msg.Header = nats.Header{"Nats-Batch-Id": {batch}, "Nats-Batch-Sequence": {strconv.Itoa(n + 1)}}
			if last {
				msg.Header["Nats-Batch-Commit"] = []string{"1"}
			}
		}
		if !last {
			if err := s.nc.PublishMsg(msg); err != nil {
				return err
			}
			continue
		}
		if err := s.commit(msg, len(messages)); err != nil {
			return err
		}
	}
	return nil
}

// commit sends the last message of a request and waits for the acknowledgement.
func (s *natsSender) commit(msg *nats.Msg, events int) error {
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	answer, err := s.nc.RequestMsgWithContext(ctx, msg)
	if err != nil {
		return err
	}
	var ack struct {
		Seq   int64
		Count int `json:"count"` // of a batch
		Error *jetstream.APIError
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return err
	}
	if ack.Error != nil || ack.Seq == 0 || events > 1 && ack.Count != events {
		return fmt.Errorf("publish: answered %s", answer.Data)
	}
	return nil
}

func (s *natsSender) Close() { s.nc.Close() }

// Settle has nothing to wait for: a message is where it stays.
func (n *natsPeer) Settle(context.Context) error { return nil }

// Held compares what was acknowledged with what the stream holds.
func (n *natsPeer) Held(ctx context.Context, acknowledged int64) (load.Kept, error) {
	nc, err := nats.Connect(n.url)
	if err != nil {
		return load.Kept{}, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return load.Kept{}, err
	}
	stream, err := js.Stream(ctx, natsStream)
	if err != nil {
		return load.Kept{}, err
	}
	if held := stream.CachedInfo().State.Msgs; held != uint64(acknowledged) {
		return load.Kept{}, fmt.Errorf("%d events were acknowledged, but the stream holds %d", acknowledged, held)
	}
	stored, err := proc.Size(n.dir)
	return load.Kept{Stored: stored, Log: stored}, err
}

func (n *natsPeer) Stop() error { return n.Kill() }
