#!/usr/bin/env bash
# usage: tools/wheel.sh [PROGRAMS]
# Builds the wheel `parallelrun` from the programs of PROGRAMS (build/bin), which were built on Debian 12, and
# prints its path: build/wheel/parallelrun-VERSION-py3-none-PLATFORMS.whl.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
programs=${1:-build/bin}

tools/setup-debian.sh
tools/venv.sh wheel python/requirements.txt
# Wherever it is built from the same commit with the same programs, the bytes are the same.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1577836800)}
export SOURCE_DATE_EPOCH

project=build/wheel/project
rm -rf build/wheel
mkdir -p "$project"
(cd python && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory "../$project")
cp CMakeLists.txt LICENSE "$project"
RELOCATABLE=1 docker/bundle.sh "$programs" "$project/bundle"
tools/components.py "$project/bundle" --licenses "$project/licenses"
python=(build/venvs/wheel/lib/python3*/site-packages)
mkdir "$project/parallelrun/_vendor"
touch "$project/parallelrun/_vendor/__init__.py"
cp -r "${python[0]}/cloudpickle" "${python[0]}/yaml" "$project/parallelrun/_vendor"
# Only its Python: the compiled parser would bind the wheel to one CPython.
rm -f "$project"/parallelrun/_vendor/yaml/{cyaml.py,_yaml*}
find "$project/parallelrun" -name __pycache__ -prune -exec rm -r {} +
cp "${python[0]}"/cloudpickle-*.dist-info/licenses/LICENSE "$project/licenses/cloudpickle.txt"
cp "${python[0]}"/[Pp]y[Yy][Aa][Mm][Ll]-*.dist-info/licenses/LICENSE "$project/licenses/pyyaml.txt"

(cd "$project" && ../../venvs/wheel/bin/python -m hatchling build --target wheel --directory .. >/dev/null)
build/venvs/wheel/bin/twine check --strict build/wheel/*.whl >&2
stat --printf 'wheel: %n: %s bytes\n' build/wheel/*.whl
