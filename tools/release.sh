#!/usr/bin/env bash
# usage: tools/release.sh [--output DIRECTORY] [--without-images] [--draft]
# Makes all that a release has, in build/release (or DIRECTORY):
#
#   parallelrun-VERSION-py3-none-PLATFORMS.whl             the wheel
#   parallelrun-VERSION-linux-ARCH.tar.gz                  the programs alone, for krew and for machines without Python
#   parallelrun.krew.yaml                                  the krew manifest of `kubectl parallelrun`
#   parallelrun-VERSION.tgz                                the chart
#   parallelrun-{operator,runner}-VERSION-ARCH.tar.gz      the images, for `docker load`
#   *.cdx.json                                             what is in the wheel and in each image (CycloneDX)
#   NOTES.md                                               the section of CHANGELOG.md
#   SHA256SUMS                                             of all these
#
#   --without-images   where there is no Docker engine
#   --draft            also of changes that are not committed, and with the notes of what is not released yet
#
# VERSION is that of CMakeLists.txt. Images and wheel have the architecture of this machine: for both
# architectures, run it on a machine of each. Needs what `make setup` installs, and helm: that of PATH, else the
# one that the tests build. The programs come from build/bin, which is built first, on Debian 12.
# PARALLELRUN_RELEASE_URL is where releases are published; the krew manifest names the archive there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

output=build/release
images=(operator runner)
draft=
while [[ $# -gt 0 ]]; do
  case $1 in
    --output) output=$2; shift ;;
    --without-images) images=() ;;
    --draft) draft=1 ;;
    *) sed -n '2,/^set/p' "$0" | sed -n 's/^# \{0,1\}//p' >&2; exit 2 ;;
  esac
  shift
done

version=$(sed -n 's/^project(parallelrun VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
architecture=$(dpkg --print-architecture)
notes=$(awk -v version="$version" -v draft="$draft" '
  /^## / { inside = $2 == version || (draft && $2 == "Unreleased") }
  inside' CHANGELOG.md)
if [[ -z $draft ]]; then
  if [[ -n $(git status --porcelain) ]]; then
    echo "release: there are changes that are not committed; commit them, or make a draft with --draft" >&2
    exit 1
  fi
  if [[ -z $notes ]]; then
    echo "release: CHANGELOG.md has no section '## $version'; call 'Unreleased' so, or make a draft with --draft" >&2
    exit 1
  fi
fi
if [[ $(grep -cE "^(version|appVersion): $version$" helm/parallelrun/Chart.yaml) -ne 2 ]]; then
  echo "release: version and appVersion of helm/parallelrun/Chart.yaml must be $version, as in CMakeLists.txt" >&2
  exit 1
fi

helm=$(command -v helm || true)
if [[ -z $helm ]]; then
  helm=$(PYTHONPATH=tests/cluster python3 -c \
    'from bringup import parts; parts.build(parts.HELM); print(parts.HELM.program("helm"))')
fi

# The archive, the wheel and the images carry the page.
tools/ui.sh || [[ -n $draft ]]
make wheel
rm -rf "$output"
mkdir -p "$output"
printf '%s\n' "$notes" >"$output/NOTES.md"
cp build/wheel/*.whl "$output"
cp LICENSE build/wheel/project/bundle
ln -sfn parallelrun build/wheel/project/bundle/bin/kubectl-parallelrun
tar --create --gzip --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
  --directory build/wheel/project/bundle --file "$output/parallelrun-$version-linux-$architecture.tar.gz" .
tools/krew.py "$version" "$output/parallelrun-$version-linux-$architecture.tar.gz" >"$output/parallelrun.krew.yaml"
rm build/wheel/project/bundle/{LICENSE,bin/kubectl-parallelrun}
tools/components.py build/wheel/project/bundle \
  --python "$(grep -o '^cloudpickle==.*' python/requirements.txt)" --python "$(grep -o '^pyyaml==.*' python/requirements.txt)" \
  --sbom "$output/parallelrun-$version-wheel-$architecture.cdx.json"
"$helm" lint --quiet helm/parallelrun
"$helm" package helm/parallelrun --destination "$output" >/dev/null

if [[ ${#images[@]} -gt 0 ]]; then
  cmake --build --preset release --parallel "$(tools/jobs.sh)" --target parallelrun-operator >/dev/null
  tools/images.sh --prebuilt "${images[@]}"
fi
for name in "${images[@]}"; do
  image=parallelrun/$name:$version
  file=parallelrun-$name-$version-$architecture
  docker save "$image" | gzip --no-name >"$output/$file.tar.gz"
  tools/components.py --image "$image" --sbom "$output/$file.cdx.json"
done

sums=$(cd "$output" && sha256sum -- *)
printf '%s\n' "$sums" >"$output/SHA256SUMS"
(cd "$output" && stat --printf 'release: %n: %s bytes\n' -- *)
