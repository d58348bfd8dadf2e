#!/usr/bin/env bash
# What `make check` runs after the build: the tests and the lint of a change that is being written. BASE names what it
# is compared with (default: where main was left).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs=$(tools/jobs.sh)
base=${BASE:-$(git merge-base HEAD main)}

PARALLELRUN_SIMULATION_SEEDS=200 ctest --preset release --parallel "$jobs" --timeout 300 --quiet \
  --output-log build/check.log || { cat build/check.log; exit 1; }
tail -n 4 build/check.log

tools/venv.sh lint tools/lint/requirements.txt
mapfile -t changed < <(
  { git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } | sort -u)
sources=()
for path in "${changed[@]}"; do
  case $path in
    *.cpp) sources+=("$path"); build/venvs/lint/bin/clang-format --dry-run -Werror "$path" ;;
    *.h) build/venvs/lint/bin/clang-format --dry-run -Werror "$path" ;;
    *.py) build/venvs/lint/bin/ruff format --quiet --check --config tools/lint/ruff.toml "$path"
          build/venvs/lint/bin/ruff check --quiet --config tools/lint/ruff.toml "$path" ;;
    *.sh) shellcheck "$path" ;;
  esac
done
if [[ ${#sources[@]} -gt 0 ]]; then
  tools/lint/tidy.sh "${sources[@]}"
fi
echo "checked: ${#changed[@]} changed files"
