#!/usr/bin/env bash
# usage: tools/npm.sh azurite|axe-core|playwright-core
# Installs the pinned npm package that a test needs into build/npm/NAME, or leaves it as it is when it is there. Without
# npm, or where it cannot be installed, it says so and ends well: the tests that need it are skipped with that reason.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
declare -A versions=([azurite]=3.37.0 [axe-core]=4.14.1 [playwright-core]=1.65.1)
name=$1
version=${versions[$name]}
folder=$root/build/npm/$name
[[ -f $folder/.complete && $(<"$folder/.complete") == "$version" ]] && exit 0
if ! command -v npm >/dev/null; then
  echo "npm: there is no npm, so $name is not installed and its tests are skipped"
  exit 0
fi
echo "npm: installing $name $version into build/npm/$name"
rm -rf "$folder"
mkdir -p "$folder"
if ! timeout 600 npm install --prefix "$folder" --no-audit --no-fund --loglevel=error "$name@$version"; then
  echo "npm: $name $version could not be installed, see above; its tests are skipped"
  exit 0
fi
printf '%s\n' "$version" >"$folder/.complete"
