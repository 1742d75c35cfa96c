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

LOGS=$(mktemp -d)
trap 'rm -rf "$LOGS"' EXIT
declare -A PIDS=()
beside() { "${@:2}" >"$LOGS/$1" 2>&1 & PIDS[$1]=$!; }

browser_ready || beside "Chromium" install_browser
# All that needs no test run, beside each other: most of them keep one core busy.
CHECKS=("Style: ruff" "Style: ruff format" "Style: sqlfluff" "Import law" "Types: basedpyright strict")
beside "${CHECKS[0]}" $BIN/ruff check .
beside "${CHECKS[1]}" $BIN/ruff format --check .
beside "${CHECKS[2]}" $BIN/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests dbt_project/macros
beside "${CHECKS[3]}" $BIN/lint-imports
beside "${CHECKS[4]}" $BIN/basedpyright
status=0
for check in "${CHECKS[@]}"; do
    wait "${PIDS[$check]}" || status=$?
    step "$check"
    cat "$LOGS/$check"
done
wait
[ "$status" = 0 ] || exit "$status"
step "Tests"
$BIN/pytest -n 2 --dist worksteal "$@" || status=$?
if ! browser_ready; then
    printf '\n!! BROWSER TESTS DID NOT RUN: %s and could not be installed here. Install it and run make test again.\n' "$NEEDS_BROWSER"
fi
exit $status
