#!/usr/bin/env bash
# clang-tidy over the sources named, else over all. It reads each source alone, as the preset `tidy` would compile it:
# the build itself compiles several sources together.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
configured=$(mktemp)
trap 'rm -f "$configured"' EXIT
cmake --preset tidy >"$configured" 2>&1 || { cat "$configured" >&2; exit 1; }
build/venvs/lint/bin/python tools/lint/tidy.py --clang-tidy build/venvs/lint/bin/clang-tidy --build-dir build/tidy \
  --jobs "$(tools/jobs.sh)" "$@"
