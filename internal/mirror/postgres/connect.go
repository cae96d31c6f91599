package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	connectTimeout = 15 * time.Second
	hangUpTimeout  = 3 * time.Second
)

// Connection says how to reach a database. What is not in DSN comes from the
// environment that libpq knows: PGHOST, PGUSER, PGPASSWORD, PGPASSFILE, ….
type Connection struct {
	DSN string // a postgres:// URL or libpq's keywords
	// PasswordFile, if any, holds the password. It is read for each connection, so a
	// password may change, or come later than we do.
	PasswordFile string
}

// parse checks everything that can be checked without a network.
func (c Connection) parse() (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return nil, err // pgx leaves passwords out
	}
	if err := encrypted(cfg); err != nil {
		return nil, err
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	for name, value := range map[string]string{
		"application_name": "archiver mirror",
		"datestyle":        "ISO", "timezone": "UTC", // diff reads timestamps as text
		// A machine that vanishes must not hold the lock on its position for hours.
		"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
		"idle_in_transaction_session_timeout": "60s",
		"lock_timeout":                        "15s",
	} {
		cfg.RuntimeParams[name] = value
	}
	return cfg, nil
}

// encrypted refuses to send events in the clear to another machine.
func encrypted(cfg *pgx.ConnConfig) error {
	type way struct {
		host string
		tls  bool
	}
	ways := []way{{cfg.Host, cfg.TLSConfig != nil}}
	for _, f := range cfg.Fallbacks {
		ways = append(ways, way{f.Host, f.TLSConfig != nil})
	}
	for _, w := range ways {
		addr, err := netip.ParseAddr(w.host)
		local := filepath.IsAbs(w.host) || w.host == "localhost" || err == nil && addr.Unmap().IsLoopback()
		if !w.tls && !local {
			return fmt.Errorf("host %s is another machine: set sslmode to verify-full, verify-ca or require", w.host)
		}
	}
	return nil
}

func (c Connection) connect(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := c.parse()
	if err != nil {
		return nil, err
	}
	if c.PasswordFile != "" {
		raw, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
		cfg.Password = strings.TrimRight(string(raw), "\r\n")
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// hangUp closes a connection, whatever state it is in.
func hangUp(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), hangUpTimeout)
	defer cancel()
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("close connection: %w", err)
	}
	return nil
}

// sqlState is the five characters of an error of the server, "" for any other.
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
