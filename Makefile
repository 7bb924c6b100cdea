# Two commands set up everything on a fresh Debian 12 with a Rust toolchain: `make demo` and `make test`.
# Every job of the CI is one of these targets.

LAB   := .cache/lab
TCCLI := .cache/e2e/venv/bin/tccli
SEED  := 1

.PHONY: demo test lint unit fuzz fuzz-smoke attack e2e screenshots contract bench servers clients book deny clean

## Shows the main job on real servers, then stays up until Ctrl-C.
demo: servers clients
	cargo build --release -p signet -p signet-agent
	target/release/signet demo --tccli $(TCCLI) $(DEMO)

## Everything that must pass.
test: lint unit fuzz attack e2e

## Formatting, lints, and what the dependencies are allowed to be. The first time it builds cargo-deny into the user's cache.
lint: clients
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p signet --test attack -- -D warnings
	.ci/deny.sh bans licenses sources

## The Rust tests, against real servers where it says so.
unit: servers clients
	cargo build --workspace --bins
	cargo test --workspace
	docs/sign-with-openssl.test.sh

## Every parser that reads bytes from outside, with mutated inputs: five seconds each. The same SEED makes the same inputs.
fuzz:
	cargo run -q -p fuzz -- --seconds 5 --seed $(SEED)

## The same for a minute each.
fuzz-smoke:
	cargo run -q -p fuzz -- --seconds 60 --seed $(SEED)

## The attacks, against the program as it is released, real servers, and hosts in network namespaces (needs root).
attack: servers clients
	cargo build --profile release-like -p signet -p signet-agent
	SIGNET_PROGRAM=$(CURDIR)/target/release-like/signet cargo test -p signet --test attack

## The official clients and a real browser against the real program and real servers.
e2e: servers clients
	cargo build -p signet -p signet-agent -p lab
	cargo build -p bench --bin bench-seed
	e2e/run.sh

## Pictures of the console over real servers, into docs/screenshots.
screenshots: servers clients
	cargo build -p signet -p lab
	PYTHONPYCACHEPREFIX=.cache/e2e/pycache .cache/e2e/venv/bin/python e2e/screenshots.py $(PAGES)

## Writes contract/*.json and the generated reference pages.
contract:
	cargo run -q -p signet -- contract .

## Measures, side by side with the peers; prints a table.
bench: servers clients
	bench/run.sh

## Real MySQL and MariaDB servers, from PATH or unpacked into $(LAB).
servers: clients
	lab/get-servers.sh

## The official SDKs and tccli, pinned; and from Debian what is missing for them and for building: gcc, Python, Node, Go, a JDK, Maven, OpenSSL,
## Chromium and a Chinese font.
clients:
	e2e/setup.sh

## The book, into target/book. Needs mdbook.
book:
	mdbook build docs --dest-dir ../target/book

clean:
	cargo clean
	rm -rf .cache

## Licences, sources and advisories of the dependencies. The advisories come from the network.
deny:
	.ci/deny.sh
