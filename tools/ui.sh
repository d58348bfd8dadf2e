#!/usr/bin/env bash
# usage: tools/ui.sh [--packages-only]
# Builds the page of `parallelrun ui` from ui/ into build/ui: static files, which no program of the job needs. With
# --packages-only it only installs the pinned packages of ui/package-lock.json into ui/node_modules.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v npm >/dev/null; then
  echo "ui: the page needs npm and Node.js 20 or newer, and there is no npm; install Debian's nodejs and npm" >&2
  exit 1
fi
lock=$(sha256sum ui/package-lock.json)
stamp=ui/node_modules/.complete
if [[ ! -f $stamp || $(<"$stamp") != "$lock" ]]; then
  echo "ui: installing the packages of ui/package-lock.json"
  # Their scripts are not run: none of them needs to.
  timeout 600 npm ci --prefix ui --ignore-scripts --no-audit --no-fund --loglevel=error
  printf '%s\n' "$lock" >"$stamp"
fi
[[ ${1:-} == --packages-only ]] && exit 0
npm run --prefix ui --silent build >build/ui.log 2>&1 || { cat build/ui.log >&2; exit 1; }
# Who passes the page on passes these on too.
for package in preact uplot; do
  printf -- '--- %s\n\n' "$package"
  cat "ui/node_modules/$package/LICENSE"
  printf '\n'
done >build/ui/licenses.txt
gzipped=$(cat build/ui/index.html build/ui/assets/* | gzip -9 | wc -c)
echo "ui: build/ui, $((gzipped / 1000)) kB gzipped"
