#!/bin/sh
# Locks again what each way of running needs, newest allowed versions: requirements/*.txt.
#
# Everything that `test` installs is chosen first; the others are parts of it, at the same versions.
# build.txt is the setuptools that builds Tryggve itself and what has no wheel (tools/setup.sh).
set -eu
cd "$(dirname "$0")/.."
. tools/debian.sh

env=build/lock
[ -x $env/bin/uv ] || {
    say "uv, which locks, in $env"
    ${PYTHON:-python3} -m venv --clear $env
    $env/bin/python -m pip install -q --no-input --disable-pip-version-check uv
}

lock() { # name of the file, more arguments …
    name=$1
    shift
    say "requirements/$name.txt"
    $env/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --no-header --upgrade \
        --output-file "requirements/$name.txt" "$@"
}
lock test --extra test pyproject.toml requirements/build.in
parts=$($env/bin/python -c '
import pathlib, tomllib
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
print(*(extra for extra in project["optional-dependencies"] if extra != "test"))')
for part in $parts; do
    lock "$part" --extra $part --constraint requirements/test.txt pyproject.toml
done
lock build --constraint requirements/test.txt requirements/build.in
