#!/bin/sh
# Writes the lock files: names, versions, markers and hashes, valid for every Python from 3.11 on and every platform.
#
#   runtime.txt   what production needs, traces too
#   embedded.txt  that, the servers that come as wheels, and what builds the project: `make up`
#   dev.txt       that, and the tools: `make test`, `make check`
#   build.txt     what builds the wheel of the project: the image
#   sdk.txt       what the SDK needs and its tests, from Python 3.9 on
#
# Our own SDK is found by its path ([tool.uv.sources] of pyproject.toml) and stands in none of them.
set -eu
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" --disable-pip-version-check --quiet install uv

compile() {
    output=$1 oldest=${OLDEST:-3.11}
    shift
    "$tools/bin/uv" pip compile --quiet --universal --python-version "$oldest" --generate-hashes --no-header --no-annotate \
        --no-emit-package flux-webhooks --upgrade --output-file "requirements/$output" "$@" >/dev/null
}

compile dev.txt pyproject.toml requirements/build.in --extra embedded --extra tracing --extra dev
# the others take the versions that the tests have seen
compile embedded.txt pyproject.toml requirements/build.in --extra embedded --constraint requirements/dev.txt
compile runtime.txt pyproject.toml --extra tracing --constraint requirements/dev.txt
compile build.txt requirements/build.in --constraint requirements/dev.txt
# for older Pythons than ours, so with versions of its own
OLDEST=3.9 compile sdk.txt sdks/python/pyproject.toml requirements/sdk.in
