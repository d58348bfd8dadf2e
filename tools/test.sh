#!/usr/bin/env bash
# What `make test` and CI run. Every step runs even when an earlier one failed (but for building); the exit
# code and the closing line count them all. What needs a cluster mostly waits for it, so those steps run beside the
# others, and their output follows when they have ended.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

results=$PWD/build/test-results
jobs=$(tools/jobs.sh)
started=$SECONDS
failed_steps=()

# Thousands of tests leave the output of their jobs: what passed is removed at once, or a small disk is full before
# the cluster's images are loaded.
export PYTEST_ADDOPTS='-o tmp_path_retention_policy=failed -o tmp_path_retention_count=1'

# ThreadSanitizer runs what has threads in it: the rooms around the state machines, and the simulation.
readonly THREADED_TESTS='protocol|orchestrator|agent|channel|process|job_log|simulation|kube_test|/pod_test|operator_controller'

step() {  # step NAME COMMAND...: runs it under a heading, notes failure
  local name=$1 begun=$SECONDS verdict=ok
  shift
  say_step "$(printf '\n===== %s' "$name")"
  "$@" || verdict=FAILED
  say_step "$(printf -- '----- %s: %s, %d s, %s free on the disk' "$name" "$verdict" $((SECONDS - begun)) "$(disk_free)")"
  [[ $verdict == ok ]] && return
  failed_steps+=("$name")
  return 1
}
say_step() {
  printf '%s\n' "$1"
  [[ -z ${runs_beside:-} ]] || printf '%s [beside the other steps]\n' "${1#$'\n'}" >&3
}
disk_free() { df --human-readable --output=avail . | tail -n 1 | tr -d ' '; }

# shellcheck disable=SC2030  # a list of failures of its own is what is meant
# beside FUNCTION: runs its steps at the same time as what follows; their headings appear at once.
beside() {
  {
    runs_beside=yes failed_steps=()
    "$1"
    printf '%s\n' "${failed_steps[@]}" >"$results/$1.failed"
  } 3>&1 >"$results/$1.log" 2>&1 &
  beside_pid=$!
}
# shellcheck disable=SC2031
joined() {  # joined FUNCTION: waits for it, prints what it had to say, and counts its failures
  wait "$beside_pid"
  cat "$results/$1.log"
  local name
  while read -r name; do
    [[ -z $name ]] || failed_steps+=("$name")
  done <"$results/$1.failed"
}

environments() {
  tools/venv.sh lint tools/lint/requirements.txt && tools/venv.sh test tests/requirements.txt &&
    tools/venv.sh store tests/integration/store/requirements.txt && tools/npm.sh azurite
}

run_pytest() {  # run_pytest NAME FOLDER: in the test environment, which is also that of the jobs it starts
  VIRTUAL_ENV=$PWD/build/venvs/test PATH=$PWD/build/venvs/test/bin:$PATH \
    build/venvs/test/bin/python -m pytest -q --durations=10 --junitxml="$results/$1.xml" "$2"
}

run_ctest() {  # run_ctest RUNNER PRESET [CTEST OPTIONS...]: RUNNER starts ctest: `command`, or fixed_addresses
  local runner=$1 preset=$2
  shift 2
  "$runner" ctest --preset "$preset" --parallel "$jobs" --no-tests=error --timeout 600 \
    --output-junit "$results/ctest-$preset.xml" --quiet --output-log "$results/ctest-$preset.log" "$@"
  local code=$?
  if [[ $code -ne 0 ]]; then cat "$results/ctest-$preset.log"; else tail -n 5 "$results/ctest-$preset.log"; fi
  return $code
}

# GCC 12's ThreadSanitizer cannot place its shadow memory under the address randomisation of newer kernels.
fixed_addresses() {
  if setarch "$(uname -m)" --addr-no-randomize true 2>/dev/null; then
    setarch "$(uname -m)" --addr-no-randomize "$@"
  else
    "$@"
  fi
}

sanitized_programs() {  # sanitized_programs PRESET PATTERN: configures; the test programs whose name matches
  cmake --preset "$1" >"$results/configure-$1.log" || { cat "$results/configure-$1.log" >&2; return 1; }
  ninja -C "build-$1" -t targets all | sed -n 's#^\(tests/[^/: ]*\): CXX_EXECUTABLE_LINKER.*#\1#p' | grep -E "$2" ||
    { echo "no test program of preset $1 matches '$2'" >&2; return 1; }
}

build_sanitized() {  # build_sanitized PRESET PATTERN
  local programs
  programs=$(sanitized_programs "$1" "$2") || return 1
  mapfile -t programs <<<"$programs"
  fixed_addresses ninja -C "build-$1" --quiet -j "$jobs" "${programs[@]}"
}

sanitized() {  # sanitized PRESET PATTERN SEEDS: what is not built yet is, and the tests are run
  build_sanitized "$1" "$2" || return 1
  # CTest lists a test program that was not built as <name>_NOT_BUILT.
  # The simulation is 10 to 50 times slower here, so it runs fewer seeds than in the plain build.
  PARALLELRUN_SIMULATION_SEEDS=$3 UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_stack_use_after_return=1 \
    TSAN_OPTIONS=halt_on_error=1 run_ctest fixed_addresses "$1" --exclude-regex '_NOT_BUILT'
}

# Whether a cluster can be had at all is the machine's business, so where one cannot be brought up its tests are
# counted as skipped, with the reason. PARALLELRUN_REQUIRE_CLUSTER=1 makes that a failure.
cluster_is_there() {
  [[ -n ${KUBECONFIG:-} ]] && return
  tests/cluster/cluster up --nodes 3 && return
  if [[ -n ${PARALLELRUN_REQUIRE_CLUSTER:-} ]]; then return 1; fi
  printf '<testsuite><testcase name="end to end: no cluster on this machine"><skipped/></testcase></testsuite>' \
    >"$results/e2e.xml"
  printf '\n!!!!! SKIPPED: no cluster could be started on this machine; see above\n'
}

# With the engine that the cluster runs on; who has a cluster of his own may have none.
images() {
  if [[ -n ${KUBECONFIG:-} ]]; then
    echo 'KUBECONFIG is set, so tests/images/run is skipped; run it on a machine with a Docker engine'
    return
  fi
  cluster_is_there || return
  [[ -f $results/e2e.xml ]] && return
  tests/images/run -m 'not other_distributions' --junitxml="$results/images.xml"
}

end_to_end() {
  [[ -f $results/e2e.xml ]] && return
  cluster_is_there || return
  run_pytest e2e tests/e2e
  local code=$?
  [[ -n ${KUBECONFIG:-} ]] || tests/cluster/cluster down
  return $code
}

# Compiled with what the tests leave of the processors: Kubernetes and its friends, once for each machine
# (tests/cluster/README.md); then the tests for the sanitizers; then clang-tidy reads what has changed, and its
# own step says what it found.
until_there() { until [[ -s $1 ]]; do sleep 1; done; }

build_ahead() {
  {
    renice -n 19 "$BASHPID" >/dev/null
    tests/cluster/cluster build >"$results/cluster-build.log" 2>&1
    echo $? >"$results/cluster-build.code"
  } &
  {
    until_there "$results/cluster-build.code"
    renice -n 19 "$BASHPID" >/dev/null
    build_sanitized asan . && build_sanitized tsan "$THREADED_TESTS"
  } >"$results/sanitizers-build.log" 2>&1 &
  sanitizers_build=$!
  {
    while kill -0 "$sanitizers_build" 2>/dev/null; do sleep 1; done
    renice -n 19 "$BASHPID" >/dev/null
    tools/lint/tidy.sh
  } >"$results/tidy-ahead.log" 2>&1 &
  tidy_ahead=$!
}
# Neither is a test: what is missing fails those that need it.
cluster_parts() {
  until_there "$results/cluster-build.code"
  [[ $(<"$results/cluster-build.code") == 0 ]] || tail -n 40 "$results/cluster-build.log"
}
sanitizers_built() {
  wait "$sanitizers_build" || { tail -n 40 "$results/sanitizers-build.log"; }
}
# Sources that were found clean ahead are not read again; the others are, so that the step prints what is wrong.
tidy_rest() {
  wait "$tidy_ahead"
  tools/lint/tidy.sh
}

on_clusters() {
  step 'Kubernetes built or cached' cluster_parts
  step 'the resource and the client on a real API server' tests/apiserver/run --junitxml="$results/apiserver.xml"
  step 'the operator on a real API server' tests/operator/run --junitxml="$results/operator.xml"
  step 'the chart on a real API server' tests/helm/run --junitxml="$results/helm.xml"
  step 'the images' images
  step 'end to end on a cluster of three nodes' end_to_end
}

rm -rf "$results"
mkdir -p "$results"
{
  step 'Debian packages' tools/setup-debian.sh &&
    step 'Python environments' environments &&
    step 'build' make build
} || exit 1
# The wheel is built anew by its tests, and the walk through the README on the cluster installs it.
build_ahead
step 'lint: format, structure, links' run_pytest lint tests/lint
step 'unit tests and simulation' run_ctest command release
step 'the wheel and the release' run_pytest wheel tests/wheel
beside on_clusters
step 'whole processes' run_pytest integration tests/integration
step 'jobs from Python' run_pytest sdk tests/sdk
step 'the documentation' run_pytest docs tests/docs
step 'the page in a browser' tests/ui/run
step 'built for the sanitizers' sanitizers_built
step 'address and undefined-behaviour sanitizers' sanitized asan . 1500
step 'thread sanitizer' sanitized tsan "$THREADED_TESTS" 300
step 'lint: clang-tidy' tidy_rest
joined on_clusters

printf '\n===== %d min %d s in total\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
if [[ ${#failed_steps[@]} -gt 0 ]]; then
  printf 'failed: %s\n' "${failed_steps[@]}"
fi
build/venvs/test/bin/python tools/test_totals.py "$results" "${#failed_steps[@]}"
