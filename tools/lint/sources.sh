#!/usr/bin/env bash
# usage: tools/lint/sources.sh cpp|python|shell
# The project's files of one language, ended by NUL: what git tracks or would track.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case ${1:-} in
  cpp) patterns=('*.cpp' '*.h') ;;
  python) patterns=('*.py') ;;
  shell) patterns=('*.sh' '.ci/run') ;;
  *) echo "usage: $0 cpp|python|shell" >&2; exit 2 ;;
esac
git ls-files -z --cached --others --exclude-standard -- "${patterns[@]}" |
  while IFS= read -r -d '' path; do
    if [[ -f $path ]]; then printf '%s\0' "$path"; fi
  done
