#!/usr/bin/env bash
# Installs the clients if need be, then runs them against the programs that are built:
# SIGNET_BIN and LAB_SERVER_BIN, else target/debug/signet and target/debug/lab-server.
# Arguments go to pytest: `e2e/run.sh -k java`.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
"$here/setup.sh"
cache=$(cd "${SIGNET_E2E_CACHE:-$here/../.cache/e2e}" && pwd)

# Compiled Python beside the cache, not in the source tree.
export PYTHONPYCACHEPREFIX=$cache/pycache SIGNET_E2E_CACHE=$cache
cd "$here"
exec "$cache/venv/bin/python" -m pytest -q "$@"
