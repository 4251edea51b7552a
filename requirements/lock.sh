#!/bin/sh
# Writes the lock files: names, versions, markers and hashes, valid for every Python from 3.11 on and every platform.
#
#   runtime.txt   what production needs
#   embedded.txt  that, the servers that come as wheels, and what builds the project: `make up`
#   dev.txt       that, and the tools: `make test`, `make check`
#   build.txt     what builds the wheel of the project: the image
#
# Our own SDK is found by its path ([tool.uv.sources] of pyproject.toml) and stands in none of them.
set -eu
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" --disable-pip-version-check --quiet install uv

compile() {
    output=$1
    shift
    "$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-package flux-webhooks --upgrade --output-file "requirements/$output" "$@" >/dev/null
}

compile dev.txt pyproject.toml requirements/build.in --extra embedded --extra dev
# the others take the versions that the tests have seen
compile embedded.txt pyproject.toml requirements/build.in --extra embedded --constraint requirements/dev.txt
compile runtime.txt pyproject.toml --constraint requirements/dev.txt
compile build.txt requirements/build.in --constraint requirements/dev.txt
