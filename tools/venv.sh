#!/usr/bin/env bash
# usage: tools/venv.sh NAME REQUIREMENTS...
# Makes build/venvs/NAME with Debian's python3 and the pinned requirements, or leaves it as it is when it
# already has them. A file named *no-deps.txt is installed without what its packages depend on.
# Index, certificates and time-outs come from pip's own settings and PIP_* variables.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name=$1
shift
venv=$root/build/venvs/$name
stamp=$venv/.complete
wanted=$(/usr/bin/python3 --version && sha256sum "$@" | cut -d ' ' -f 1)
[[ -f $stamp && $(<"$stamp") == "$wanted" ]] && exit 0

echo "venv: making build/venvs/$name"
rm -rf "$venv"
mkdir -p "$root/build/venvs"
/usr/bin/python3 -m venv "$venv"
for requirements in "$@"; do
  options=()
  [[ $requirements == *no-deps.txt ]] && options=(--no-deps)
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "${options[@]}" \
    --requirement "$requirements"
done
printf '%s\n' "$wanted" >"$stamp"
