#!/bin/sh
# Checks the dependencies with a pinned cargo-deny: `.ci/deny.sh bans licenses sources`. It is built once (some minutes, without optimisation)
# and kept in the user's cache, for all clones.
set -eu
version=0.20.2
home="${XDG_CACHE_HOME:-$HOME/.cache}/signet/cargo-deny-$version"
if [ ! -x "$home/bin/cargo-deny" ]; then
    echo "building cargo-deny $version into $home" >&2
    cargo install --quiet --locked --debug --version "=$version" --root "$home" cargo-deny
fi
exec "$home/bin/cargo-deny" --workspace check "$@"
