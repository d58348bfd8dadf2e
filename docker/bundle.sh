#!/usr/bin/env bash
# usage: docker/bundle.sh PROGRAMS DIRECTORY [PROGRAM...]
# Puts programs of PROGRAMS into DIRECTORY/bin, and the libraries that they need, the loader among them, into
# DIRECTORY/lib. They then start wherever DIRECTORY is, and use nothing of the image around them: the loader is
# named by its absolute path, LOADED_FROM (default /opt/parallelrun/lib), the libraries are found by an RPATH,
# which comes before LD_LIBRARY_PATH and reaches the libraries' own libraries.
# With RELOCATABLE=1 nothing names an absolute path: bin/PROGRAM is parallelrun-start, which runs lib/PROGRAM
# through the loader beside it. So the wheel has it, since nobody knows where a Python environment lies.
# Without PROGRAMs: what the runner image has (with the Python package), else the programs named.
# Needs patchelf, ldd and strip. Any architecture: the loader's name is read from the programs.
set -euo pipefail
programs=$1
target=$2
shift 2
loaded_from=${LOADED_FROM:-/opt/parallelrun/lib}
mkdir -p "$target/bin" "$target/lib"

add_library() {
  local name=$1 path=$2
  [[ -e $target/lib/$name ]] && return
  cp --dereference "$path" "$target/lib/$name"
  chmod 755 "$target/lib/$name"
  strip --strip-unneeded "$target/lib/$name"
}

add_self_contained() {  # add_self_contained PROGRAM: with its own loader and libraries
  local program=$target/bin/$1 listed loader name path
  install -m 755 "$programs/$1" "$program"
  strip "$program"
  # A static program needs nothing.
  readelf --program-headers --wide "$program" | grep -q INTERP || return 0
  listed=$(LC_ALL=C ldd "$program")
  if grep -q 'not found' <<<"$listed"; then
    echo "bundle: $1 misses libraries:" >&2
    grep 'not found' <<<"$listed" >&2
    exit 1
  fi
  loader=$(patchelf --print-interpreter "$program")
  add_library "${loader##*/}" "$loader"
  while read -r name path; do
    add_library "$name" "$path"
  done < <(awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' <<<"$listed")
  if [[ -n ${RELOCATABLE:-} ]]; then
    mv "$program" "$target/lib/$1"
    patchelf --force-rpath --set-rpath "\$ORIGIN" "$target/lib/$1"
    install -m 755 "$programs/parallelrun-start" "$program"
    strip "$program"
    return 0
  fi
  patchelf --set-interpreter "$loaded_from/${loader##*/}" --force-rpath --set-rpath "\$ORIGIN/../lib" "$program"
}

if [[ $# -gt 0 ]]; then
  for name in "$@"; do add_self_contained "$name"; done
  exit 0
fi

add_self_contained parallelrun
add_self_contained parallelrun-exec
# It embeds the libpython of the image that it runs in, and so uses that image's libraries.
install -m 755 "$programs/parallelrun-worker" "$target/bin/parallelrun-worker"
strip "$target/bin/parallelrun-worker"
mkdir -p "$target/bin/python"
cp --recursive --dereference "$programs/python/." "$target/bin/python/"
find "$target/bin/python" -name __pycache__ -prune -exec rm -r {} +
find "$target/bin/python" -type d -exec chmod 755 {} +
find "$target/bin/python" -type f -exec chmod 644 {} +
strip --strip-unneeded "$target/bin/python/libparallelrun_csv.so"
# Users' Python loads it: with a libc named in it, one of another kind or age would refuse it.
if readelf --dynamic "$target/bin/python/libparallelrun_csv.so" | grep -q NEEDED; then
  echo "bundle: libparallelrun_csv.so needs other libraries; it must not" >&2
  exit 1
fi
# The page of `parallelrun ui`, where `make ui` has built it.
page=${programs%/*}/ui
if [[ -f $page/index.html ]]; then
  mkdir -p "$target/share/parallelrun"
  cp --recursive "$page" "$target/share/parallelrun/ui"
  find "$target/share" -type d -exec chmod 755 {} +
  find "$target/share" -type f -exec chmod 644 {} +
else
  echo "bundle: without the page of \`parallelrun ui\`, since $page has none; \`make ui\` builds it" >&2
fi
