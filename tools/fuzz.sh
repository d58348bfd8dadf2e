#!/usr/bin/env bash
# usage: tools/fuzz.sh TIME [TARGET...]
# Builds the fuzz targets with clang and runs them, two at a time, for TIME (90s, 20m, 2h) in total. What is
# found stays in build-fuzz/findings/TARGET, what reaches new code in build-fuzz/corpus/TARGET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly AT_ONCE=2

run_one() {  # run_one TARGET SECONDS
  local target=$1 seconds=$2 program=(build-fuzz/fuzz/"$1") options=()
  if [[ $target == frames ]]; then program=(build/venvs/fuzz/bin/python tests/fuzz/frames.py); fi
  local found=build-fuzz/findings/$target fresh=build-fuzz/corpus/$target log=build-fuzz/logs/$target.log
  mkdir -p "$found" "$fresh" build-fuzz/logs
  if [[ -f tests/fuzz/dict/$target.dict ]]; then options+=("-dict=tests/fuzz/dict/$target.dict"); fi
  # Ten seconds for one input of at most 4 KiB is a hang.
  if "${program[@]}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
    -artifact_prefix="$found/" -print_final_stats=1 "${options[@]}" "$fresh" "tests/fuzz/corpus/$target" \
    >"$log" 2>&1; then
    printf '%-20s ok      %s inputs\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    return
  fi
  # The property, the exception or the sanitizer's line; then where the input is.
  printf '%-20s FAILED  %s\n' "$target" \
    "$(grep -m 1 -hE 'does not hold|runtime error|ERROR: |terminate called|Error: ' "$log" || echo "see $log")"
  sed -n 's#^artifact_prefix=.*Test unit written to \(.*\)#    input: \1#p' "$log"
  return 1
}

if [[ ${1:-} == --one ]]; then
  run_one "$2" "$3"
  exit
fi

case ${1:-} in
  *[0-9]s) total=${1%s} ;;
  *[0-9]m) total=$((${1%m} * 60)) ;;
  *[0-9]h) total=$((${1%h} * 3600)) ;;
  *)
    echo "fuzz: '${1:-}' is not a time; write 90s, 20m or 2h" >&2
    exit 2
    ;;
esac
shift

tools/venv.sh fuzz tests/fuzz/requirements.txt
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --parallel "$(tools/jobs.sh)"
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  mapfile -t targets < <(find tests/fuzz/targets -name '*.cpp' -printf '%f\n' | sed 's/\.cpp$//' | sort)
  targets+=(frames)
fi
each=$((total * AT_ONCE / ${#targets[@]}))
if [[ $each -eq 0 ]]; then each=1; fi
echo "fuzz: ${#targets[@]} targets, $each s each, $AT_ONCE at a time"

failed=0
printf '%s\n' "${targets[@]}" | xargs --max-procs="$AT_ONCE" --replace tools/fuzz.sh --one {} "$each" || failed=1
if [[ $failed -ne 0 ]]; then echo 'fuzz: to run an input again: build-fuzz/fuzz/TARGET FILE'; fi
exit "$failed"
