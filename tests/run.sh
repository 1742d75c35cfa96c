#!/usr/bin/env bash
# All that guards the project, cheapest first. `make test` calls it; nothing else decides what is checked.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=.venv/bin
NEEDS_BROWSER="Debian's chromium is missing"

step() { printf '\n== %s\n' "$1"; }

browser_ready() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; }

install_browser() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        step "Chromium: installing Debian's"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; } >/dev/null 2>&1 || true
    fi
}

step "Style: ruff, sqlfluff"
$BIN/ruff check .
$BIN/ruff format --check .
$BIN/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests dbt_project/macros
step "Import law"
$BIN/lint-imports
step "Types: basedpyright strict"
$BIN/basedpyright
browser_ready || install_browser
step "Tests"
status=0
$BIN/pytest -n 2 --dist worksteal "$@" || status=$?
if ! browser_ready; then
    printf '\n!! BROWSER TESTS DID NOT RUN: %s and could not be installed here. Install it and run make test again.\n' "$NEEDS_BROWSER"
fi
exit $status
