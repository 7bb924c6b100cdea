#!/usr/bin/env bash
# Builds what is measured, brings the peer and the database servers, and prints the table. Arguments go to the measuring program.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
moto=$PWD/.cache/bench/moto

cargo build --quiet --release -p bench -p signet -p lab
lab/get-servers.sh

if ! cmp --silent bench/requirements.txt "$moto/installed.txt"; then
    python3 -m venv --clear "$moto"
    "$moto/bin/pip" install --quiet --disable-pip-version-check --requirement bench/requirements.txt
    cp bench/requirements.txt "$moto/installed.txt"
fi

# Criterion writes its report to standard output; ours is the table.
cargo bench --quiet -p wire --bench verify >&2
cargo bench --quiet -p ca --bench issue >&2

"$target/release/bench" \
    --criterion "$target/criterion" \
    --moto "$moto/bin/moto_server" \
    --results bench/results/latest.md \
    "$@"
