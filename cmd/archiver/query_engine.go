package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/amazon"
	"github.com/audit-archiver/archiver/internal/athena/trino"
	"github.com/audit-archiver/archiver/internal/config"
)

// openEngine opens the engine that answers for the archive of c. The caller closes
// it after its last result.
func openEngine(ctx context.Context, a *app, c config.Config, file, name string) (athena.Engine, error) {
	switch name {
	case config.EngineDuckDB:
		if err := c.ForServe(file); err != nil {
			return nil, err
		}
		store, err := openStore(ctx, c)
		if err != nil {
			return nil, err
		}
		q, err := openBucketQueries(c, store, newLogger(a.err, c.Log))
		if err != nil {
			return nil, err
		}
		engine := athena.Engine(bucketEngine{q})
		if tell := progressTo(a.err); tell != nil {
			engine = watched{engine, tell, q.files.Fetched}
		}
		return engine, nil
	case config.EngineAmazon:
		o := amazonOptions(c)
		if err := o.Validate(); err != nil {
			return nil, usagef("query.amazon: %w", err)
		}
		o.Progress = progressTo(a.err)
		return amazon.Open(ctx, o)
	case config.EngineTrino:
		o := trinoOptions(c)
		if err := o.Validate(); err != nil {
			return nil, usagef("query.trino: %w", err)
		}
		o.Progress = progressTo(a.err)
		return trino.Open(o)
	}
	return nil, usagef("--engine %s: is none of %s, %s, %s", name, config.EngineDuckDB, config.EngineAmazon, config.EngineTrino)
}

func amazonOptions(c config.Config) amazon.Options {
	am := c.Query.Amazon
	return amazon.Options{
		Region: cmp.Or(am.Region, c.S3.Region), Endpoint: am.Endpoint, CredentialsFile: am.CredentialsFile, Profile: am.Profile,
		Database: am.Database, WorkGroup: am.WorkGroup, OutputLocation: am.OutputLocation, Timeout: am.Timeout,
		PricePerTB: float64(am.PriceCentsPerTB) / 100,
	}
}

func trinoOptions(c config.Config) trino.Options {
	tr := c.Query.Trino
	return trino.Options{
		Server: tr.Server, User: tr.User, PasswordFile: tr.PasswordFile, TokenFile: tr.TokenFile, CAFile: tr.CAFile,
		Catalog: tr.Catalog, Schema: tr.Schema, Timeout: tr.Timeout,
	}
}

// bucketEngine closes with the engine what it reads from.
type bucketEngine struct{ q *queries }

func (b bucketEngine) Query(ctx context.Context, q athena.Query) (athena.Result, error) {
	return b.q.engine.Query(ctx, q)
}

func (b bucketEngine) Close() error { return b.q.Close() }

// ownedResult closes its engine with itself.
type ownedResult struct {
	athena.Result
	engine athena.Engine
}

func (r ownedResult) Close() error { return errors.Join(r.Result.Close(), r.engine.Close()) }
