# Few words; CI calls the same ones.

GO     ?= go
N      ?= 50
FUZZ   ?= 30s
MINUTES ?= 10
SEED   ?= 1
TOOLS  := $(CURDIR)/.tools
LINT   := $(GO) tool -modfile=tools/go.mod golangci-lint

# Packages that the race detector can afford: without DuckDB and the embedded S3.
# Tests that try one crash after another repeat themselves thousands of times and
# would take an hour under it; the others run the same goroutines.
RACE := ./internal/archive ./internal/athena/cache ./internal/athena/wire ./internal/buffer/... ./internal/config ./internal/durable/... \
	./internal/event ./internal/ingest ./internal/ledger ./internal/mirror ./internal/mirror/cloudwatch ./internal/object/... ./internal/parquet \
	./internal/receipt ./internal/repair ./internal/streams

.PHONY: help build test sdks race lint fmt fuzz kills faults-short faults drill clients oracle oracle-random oracle-keep oracle-ask cycles soak mutants client-kills bench bench-peers bench-sustained bench-restart bench-scale bench-shares bench-ledger verify-scale bench-files bench-query bench-decoders minio tools clean
.DEFAULT_GOAL := help

help: ## print these words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the program, as ./archiver
	$(GO) build -o archiver ./cmd/archiver

test: tools ## everything that must pass: format, vet, all tests
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) -C bench vet ./...
	$(GO) -C testenv/minio/adduser vet ./...
	$(GO) -C bench test ./...
	$(GO) test -p 2 -timeout 20m ./...
	@$(MAKE) --no-print-directory sdks

sdks: ## the SDKs and their examples, each with the tools of its language
	$(GO) -C clients/go vet ./...
	$(GO) -C clients/go test ./...
	$(GO) -C examples/nethttp test ./...
	tools/npm-ci.sh clients/typescript
	npm --prefix clients/typescript test
	clients/python/check.sh

race: ## the tests of the concurrent packages under the race detector
	$(GO) test -race -p 2 -timeout 20m -skip 'AtEvery|AfterEvery|Bounded' $(RACE)
	$(GO) -C clients/go test -race ./...

lint: ## golangci-lint, pinned in tools/go.mod (the first time builds it)
	$(LINT) run ./...

fmt: ## format all Go files
	gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

fuzz: ## every fuzz target for FUZZ=30s
	tools/fuzz.sh $(FUZZ)

kills: ## kill -9 the server N=50 times under load; every acknowledged event is there once
	KILLS=$(N) $(GO) test -count 1 -timeout 0 -run TestFaultA01Kills -v ./testenv/e2e

faults-short: ## a selection of the fault matrix (docs/reliability.md), minutes
	FAULTS=short $(GO) test -count 1 -timeout 20m -v ./testenv/faults
	FAULTS=short MODEL_SEEDS=300 $(GO) test -count 1 -timeout 20m -run 'Fault|Model' -v ./internal/archive ./internal/s3store

faults: ## all of it: every system call, every disk operation with every fault, 3000 seeds; more than an hour
	FAULTS=all $(GO) test -count 1 -timeout 90m -v ./testenv/faults
	FAULTS=all MODEL_SEEDS=3000 $(GO) test -count 1 -timeout 90m -p 1 ./internal/archive ./internal/s3store ./internal/buffer ./internal/durable/... ./internal/streams

cycles: ## 10,000 batches sealed, archived, released: open files and files of the log stay as many
	CYCLES=10000 $(GO) test -count 1 -timeout 60m -run TestCyclesAreFlat -v ./internal/archive

drill: tools ## tamper with archives in every way on both stores; the auditors must say which
	DRILL=all $(GO) test -count 1 -timeout 20m -v ./testenv/drill

clients: ## unmodified clients of Amazon Athena, current and older (AWS CLI, boto3, PyAthena, awswrangler, Go SDK)
	@bash testenv/interop/setup.sh athena
	ATHENA_CLIENTS=1 $(GO) test -count 1 -timeout 20m -v ./testenv/athenaclients

oracle: ## a real Trino answers the corpus of queries; ours and the recorded answers must be the same
	ORACLE=1 $(GO) test -count 1 -timeout 20m -v -run TestTrino ./testenv/oracle

oracle-random: ## N=50 random queries of each shape, from SEED=1 on, to both engines; what differs is printed at its smallest
	ORACLE=1 ORACLE_RANDOM=$(N) ORACLE_SEED=$(SEED) $(GO) test -count 1 -timeout 0 -v -run TestTrino/random ./testenv/oracle

oracle-keep: ## a real Trino that answers oracle-random and oracle-ask until it is interrupted; it prints the ORACLE_URL that they take
	ORACLE_KEEP=1 $(GO) test -count 1 -timeout 0 -v -run TestKeep ./testenv/oracle

oracle-ask: ## what both engines say to the queries in FILE=, which is written as testenv/oracle/corpus is; ORACLE_URL= of make oracle-keep
	ORACLE=1 ORACLE_ASK=$(abspath $(FILE)) $(GO) test -count 1 -timeout 0 -v -run TestTrino/ask ./testenv/oracle

# Without SEED= each soak is another one; it prints its seed.
soak: SEED =
soak: ## load, random kills, outages and wrong answers of the bucket for MINUTES=10, from SEED= if given, then count
	SOAK_MINUTES=$(MINUTES) FAULT_SEED=$(SEED) $(GO) test -count 1 -timeout 0 -run TestSoak -v ./testenv/faults

mutants: ## take out one safeguard at a time; the tests must notice each (some minutes)
	$(GO) run ./testenv/mutants

client-kills: ## kill -9 applications of all three SDKs and the sidecar N=50 times each
	CLIENT_KILLS=$(N) $(GO) test -count 1 -timeout 0 -run TestKills -v ./testenv/clients

bench: bench-peers bench-sustained bench-scale bench-query bench-decoders ## these five, one after the other, into docs/ too with BENCH=-update-docs; the others are run by name

bench-peers: ## events/s, latency, CPU, memory and bytes beside peers; all flags: BENCH=-help
	$(GO) -C bench run ./peers $(BENCH)

bench-sustained: ## 60 s of batches in three rounds and ten minutes, until all is archived and committed
	$(GO) -C bench run ./peers -sustain 60s -rounds 3 $(BENCH)
	$(GO) -C bench run ./peers -sustain 10m $(BENCH)

bench-restart: ## kill -9 with 1 GB in the log, and how long until it serves again
	$(GO) -C bench run ./restart $(BENCH)

bench-scale: ## the same with 10 M and 100 M events in the archive, and with 1, 4, 16 streams
	$(GO) -C bench run ./scale $(BENCH)

verify-scale: ## how fast `archiver verify` is: 10,000 commits, and 5 M events of content
	$(GO) -C bench run ./verify $(BENCH)

bench-files: ## questions to 1, 10, 100, 1,000 files: what is read, with a warm and an empty cache
	$(GO) -C bench run ./files $(BENCH)

bench-query: ## SQL over 10 M events: the embedded engine, DuckDB alone, PostgreSQL
	$(GO) -C bench run ./query $(BENCH)

bench-shares: ## what the server's CPU time is made of, by shape of load; needs perf
	$(GO) -C bench run ./shares $(BENCH)

bench-ledger: ## what share of the CPU of batches is for the ledger, and for receipts
	$(GO) -C bench run ./ledger $(BENCH)

bench-decoders: ## JSON decoders on our job, and what each lets pass
	$(GO) -C bench run ./decoders $(BENCH)

minio: ## MinIO on a loopback port, for looking at by hand
	$(GO) run ./testenv/minio/run

tools: ## what tests need besides Go, into .tools/ and node_modules/
	@mkdir -p $(TOOLS)
	@bash testenv/interop/setup.sh
	@tools/npm-ci.sh clients/typescript
	@tools/npm-ci.sh examples/express
	@clients/python/setup.sh

clean: ## remove what was built, not what was downloaded
	rm -f archiver
	$(GO) clean -testcache
