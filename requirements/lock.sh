#!/usr/bin/env bash
# Write the three hash-locked requirement files anew. None names an index host.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() { uv pip compile pyproject.toml --quiet --generate-hashes --universal --no-emit-index-url --no-annotate --no-header --python-version 3.11 "$@"; }
lock --extra dev --output-file requirements/dev.txt
lock --constraint requirements/dev.txt --output-file requirements/run.txt
lock --extra bench --constraint requirements/dev.txt --output-file requirements/bench.txt
