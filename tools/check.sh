#!/bin/sh
# What `make check` runs: everything that can be judged without running the programs.
# Goes on after a failure, and fails at the end, so that one run shows all there is to mend.
set -u
cd "$(dirname "$0")/.." || exit
. tools/debian.sh
python=.venv/bin/python
failed=

step() { # what it is, command …
    what=$1
    shift
    say "$what"
    "$@" || failed="$failed
  $what"
}

types=$(mktemp)
$python -m mypy --no-error-summary >"$types" 2>&1 & # a minute of one core: the rest has another
mypy=$!
trap 'kill "$mypy" 2>/dev/null; rm -f "$types"' EXIT
trap 'exit 1' HUP INT TERM

step "ruff: lint" $python -m ruff check --quiet .
step "ruff: format" $python -m ruff format --check --quiet .
step "generated pages up to date" $python -m gateway.docs --check
step "translations complete" \
    $python -m pytest -q -p no:cacheprovider tests/staff/pages/test_words.py
step "import rules, promises of the docs, the project's own rules" \
    $python -m pytest -q -p no:cacheprovider \
    tests/test_imports.py tests/test_project.py tests/test_docs.py tests/test_promises.py
step "mypy, strict" wait "$mypy"
cat "$types"

[ -z "$failed" ] || stop "this must be mended:$failed"
