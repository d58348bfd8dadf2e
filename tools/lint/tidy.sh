#!/usr/bin/env bash
# clang-tidy over the sources named, each alone as the preset `tidy` would compile it; else over all, together as
# the preset `release` compiles them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
configured=$(mktemp)
trap 'rm -f "$configured"' EXIT
preset=tidy folder=build/tidy
[[ $# -gt 0 ]] || preset=release folder=build
cmake --preset "$preset" >"$configured" 2>&1 || { cat "$configured" >&2; exit 1; }
build/venvs/lint/bin/python tools/lint/tidy.py --clang-tidy build/venvs/lint/bin/clang-tidy --build-dir "$folder" \
  --jobs "$(tools/jobs.sh)" "$@"
