package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/pg"
	"github.com/audit-archiver/archiver/internal/event"
)

const postgresName = "postgres"

type postgres struct {
	*pg.Server
	walBefore int64 // position of its log before the load
}

func startPostgres(ctx context.Context, _ options, dir string) (load.Server, error) {
	server, err := pg.Start(ctx, dir)
	if err != nil {
		return nil, err
	}
	p := &postgres{Server: server}
	if err := p.Run(ctx, pg.Table+pg.Indexes); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	if p.walBefore, err = p.Ask(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// inserter inserts one event per transaction, as a prepared statement.
type inserter struct {
	ctx      context.Context
	conn     *pgconn.PgConn
	fresh    *load.Fresh
	messages []*load.Message
	columns  [][][]byte // parameters as text, parts of the messages
}

// copier copies a batch per transaction: the fastest way that PostgreSQL has.
type copier struct {
	ctx      context.Context
	conn     *pgconn.PgConn
	fresh    *load.Fresh
	messages []*load.Message
}

func (p *postgres) Connect(ctx context.Context, client int, requests [][]event.Event) (load.Sender, error) {
	conn, err := pgconn.Connect(ctx, p.URL)
	if err != nil {
		return nil, err
	}
	var messages []*load.Message
	for _, events := range requests {
		m := &load.Message{}
		for i := range events {
			m.AppendColumns(&events[i])
		}
		messages = append(messages, m)
	}
	if len(requests[0]) > 1 {
		return &copier{ctx, conn, load.NewFresh(client), messages}, nil
	}
	s := &inserter{ctx: ctx, conn: conn, fresh: load.NewFresh(client), messages: messages}
	for _, m := range messages {
		s.columns = append(s.columns, m.Columns())
	}
	_, err = conn.Prepare(ctx, "insert", "INSERT INTO audit_logs VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)", nil)
	return s, err
}

func (s *inserter) Send(i int) error {
	s.fresh.Renew(s.messages[i])
	return s.conn.ExecPrepared(s.ctx, "insert", s.columns[i], nil, nil).Read().Err
}

func (s *inserter) Close() { _ = s.conn.Close(context.WithoutCancel(s.ctx)) }

func (s *copier) Send(i int) error {
	s.fresh.Renew(s.messages[i])
	_, err := s.conn.CopyFrom(s.ctx, bytes.NewReader(s.messages[i].Bytes), "COPY audit_logs FROM STDIN")
	return err
}

func (s *copier) Close() { _ = s.conn.Close(context.WithoutCancel(s.ctx)) }

// Settle has nothing to wait for: a row is where it stays.
func (p *postgres) Settle(context.Context) error { return nil }

// Held compares what was acknowledged with what the table holds.
func (p *postgres) Held(ctx context.Context, acknowledged int64) (load.Kept, error) {
	held, err := p.Ask(ctx, "SELECT count(*) FROM audit_logs")
	if err == nil && held != acknowledged {
		err = fmt.Errorf("%d events were acknowledged, but the table holds %d", acknowledged, held)
	}
	if err != nil {
		return load.Kept{}, err
	}
	stored, err := p.Ask(ctx, "SELECT pg_total_relation_size('audit_logs')")
	if err != nil {
		return load.Kept{}, err
	}
	wal, err := p.Ask(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
	return load.Kept{Stored: stored, Log: wal - p.walBefore}, err
}
