#!/usr/bin/env bash
# usage: tools/images.sh [--prebuilt [DIRECTORY]] [--tag TAG] [--registry PREFIX] [operator|runner]...
# Builds the images parallelrun/operator and parallelrun/runner, and prints their sizes.
#
#   --prebuilt   take the programs of DIRECTORY (build/bin), which were built on Debian 12, instead of compiling
#                them in the image: seconds instead of minutes
#   --tag        default: the project's version
#   --registry   names become PREFIX/operator and PREFIX/runner (parallelrun)
#
# Python wheels are fetched with this machine's pip and its settings (index, proxy, certificates), and checked
# against docker/requirements.txt and docker/requirements-data.txt. For what apt needs in the image: DEBIAN_MIRROR, DEBIAN_IMAGE, and
# http_proxy, https_proxy and no_proxy are passed on from the environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

programs=source
prebuilt=
tag=$(sed -n 's/^project(parallelrun VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
version=$tag
registry=parallelrun
targets=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --prebuilt)
      programs=prebuilt
      prebuilt=build/bin
      case ${2:-} in
        operator | runner) ;;  # images, though there are folders of these names
        *) if [[ $# -gt 1 && -d $2 ]]; then prebuilt=$2; shift; fi ;;
      esac
      ;;
    --tag) tag=$2; shift ;;
    --registry) registry=$2; shift ;;
    operator | runner) targets+=("$1") ;;
    *) sed -n '2,/^set/p' "$0" | sed -n 's/^# \{0,1\}//p' >&2; exit 2 ;;
  esac
  shift
done
[[ ${#targets[@]} -gt 0 ]] || targets=(operator runner)

context=$(mktemp -d -t parallelrun-images-XXXXXX)
trap 'rm -rf "$context"' EXIT
git ls-files -z --cached --others --exclude-standard -- CMakeLists.txt cmake common runner operator docker \
  tools/debian-packages.txt |
  while IFS= read -r -d '' file; do
    if [[ -e $file ]]; then printf '%s\0' "$file"; fi  # what git knows may be gone from the work tree
  done | xargs -0 cp --parents --target-directory "$context"
mkdir -p "$context/operator"
if [[ $programs == source && " ${targets[*]} " == *" runner "* ]]; then
  # No compiler of the image makes the page, which the runner's image carries for `ui.enabled` of the chart.
  if command -v npm >/dev/null; then
    mkdir -p build
    tools/ui.sh
  fi
  if [[ -f build/ui/index.html ]]; then
    mkdir -p "$context/build"
    cp -r build/ui "$context/build/ui"
  fi
fi

if [[ $programs == prebuilt ]]; then
  tools/setup-debian.sh
  mkdir "$context/prebuilt"
  docker/bundle.sh "$prebuilt" "$context/prebuilt/runner"
  if [[ " ${targets[*]} " == *" operator "* ]]; then
    docker/bundle.sh "$prebuilt" "$context/prebuilt/operator" parallelrun-operator
  else
    mkdir "$context/prebuilt/operator"
  fi
fi

if [[ " ${targets[*]} " == *" runner "* ]]; then
  wanted=$(cat docker/requirements.txt docker/requirements-data.txt | sha256sum | cut -c 1-16)
  wheels=build/images/wheels-$wanted-$(uname -m)
  if [[ ! -e $wheels/.complete ]]; then
    rm -rf "$wheels"
    mkdir -p build/images
    python=build/images/python
    [[ -x $python/bin/pip ]] || /usr/bin/python3 -m venv "$python"
    for list in docker/requirements.txt docker/requirements-data.txt; do
      "$python/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        --dest "$wheels" --requirement "$list"
    done
    touch "$wheels/.complete"
  fi
  mkdir "$context/wheels"
  ln "$wheels"/*.whl "$context/wheels" 2>/dev/null || cp "$wheels"/*.whl "$context/wheels"
fi

options=(--build-arg "PROGRAMS=$programs" --build-arg "VERSION=$version"
         --build-arg "REVISION=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)")
for name in DEBIAN_MIRROR DEBIAN_IMAGE JOBS http_proxy https_proxy no_proxy; do
  [[ -z ${!name:-} ]] || options+=(--build-arg "$name=${!name}")
done
for target in "${targets[@]}"; do
  image=$registry/$target:$tag
  echo "images: building $image ($programs)"
  tar --create --directory "$context" . |
    docker build --quiet --file docker/Dockerfile --target "$target" --tag "$image" "${options[@]}" - >/dev/null
  docker image inspect --format "images: $image: {{.Size}} bytes, {{.Architecture}}" "$image"
done
