# `make` or `make help` lists the targets. Each installs what it needs, on Debian 12.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup build runner ui wheel demo check test soak e2e images site bench bench-page-memory fuzz fmt lint clean

JOBS = $(shell tools/jobs.sh)
LINT = build/venvs/lint/bin
# A folder that `make demo` has configured has no tests.
RELEASE = { [[ -f build/build.ninja ]] && ! grep -q PARALLELRUN_TESTS:BOOL=OFF build/CMakeCache.txt; } || cmake --preset release

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## install the Debian packages that are missing
	@tools/setup-debian.sh

build: setup  ## the programs, in build/bin
	@$(RELEASE)
	@cmake --build --preset release --parallel $(JOBS)

runner: setup  ## only the programs of one machine
	@[[ -f build/build.ninja ]] || cmake --preset quick
	@cmake --build --preset release --parallel $(JOBS) --target parallelrun parallelrun-start parallelrun-worker parallelrun-exec

ui:  ## the page of `parallelrun ui`, in build/ui; needs npm
	@mkdir -p build
	@tools/ui.sh

wheel: runner  ## the Python package with the programs, in build/wheel: pip install build/wheel/*.whl
	@tools/wheel.sh

demo: runner  ## read 2,000 handwritten digits with a trained model
	@examples/digits/demo.sh

check: build  ## the fast loop: build, unit tests, simulation with few seeds, lint of the files that differ from main
	@tools/check.sh

test: setup  ## everything that CI runs: build, lint, unit, simulation, integration, sanitizers
	@tools/test.sh

soak: setup  ## takes hours: a language model, 200,000 simulated jobs, each bug of tests/mutations planted and found; SOAK="core/ plan/": only some bugs
	@$(RELEASE)
	@cmake --build --preset release --parallel $(JOBS) --target simulation_test parallelrun parallelrun-start parallelrun-worker parallelrun-exec
	@examples/embeddings/run.sh
	@PARALLELRUN_SIMULATION_SEEDS=200000 build/tests/simulation_test
	@tools/venv.sh test tests/requirements.txt
	@build/venvs/test/bin/python tests/mutations/run.py $(SOAK)

e2e: build  ## the tests on a real cluster: the one of KUBECONFIG, else one of three nodes made with kind
	@tools/venv.sh test tests/requirements.txt
	@build/venvs/test/bin/python -m pytest -q tests/e2e

images:  ## build parallelrun/operator and parallelrun/runner; compiles inside the image, IMAGES=--prebuilt uses build/bin
	@tools/images.sh $(IMAGES)

site: setup  ## the documentation site, in build/site
	@tools/site.sh

bench: build  ## speed and memory compared with multiprocessing, Ray, Dask, joblib and pandas; BENCH="--only dispatch --pairs 5"
	@tools/venv.sh bench tests/benchmarks/requirements.txt
	@tools/venv.sh bench-pandas2 tests/benchmarks/requirements-pandas2.txt
	@build/venvs/bench/bin/python tests/benchmarks/bench.py $(BENCH)

bench-page-memory: build  ## whether the memory of page and server is flat while a job is at work; MINUTES=60
	@tools/venv.sh bench tests/benchmarks/requirements.txt
	@build/venvs/bench/bin/python tests/benchmarks/page_memory.py $(MINUTES)

bench-cluster: build  ## the operator compared with the Job controller, on nodes that kwok simulates; BENCH="--quick --only latency"
	@python3 tests/benchmarks/cluster/bench_cluster.py $(BENCH)

fuzz: setup  ## fuzz targets with clang's libFuzzer; all share TIME=20m; TARGETS="glob journal": only some
	@tools/setup-debian.sh tools/fuzz-packages.txt
	@tools/fuzz.sh "$(or $(TIME),20m)" $(TARGETS)

fmt: setup  ## format all C++ and Python files
	@tools/venv.sh lint tools/lint/requirements.txt
	@tools/lint/sources.sh cpp | xargs -0 --no-run-if-empty $(LINT)/clang-format -i
	@tools/lint/sources.sh python | xargs -0 --no-run-if-empty $(LINT)/ruff format --quiet --config tools/lint/ruff.toml
	@tools/lint/sources.sh python | xargs -0 --no-run-if-empty $(LINT)/ruff check --quiet --fix --config tools/lint/ruff.toml

lint: setup  ## formatting, static analysis and the rules of tests/lint
	@tools/venv.sh lint tools/lint/requirements.txt
	@tools/venv.sh test tests/requirements.txt
	@$(RELEASE)
	@build/venvs/test/bin/python -m pytest -q tests/lint
	@tools/lint/tidy.sh

clean:  ## remove all build folders, with benchmark data and virtual environments
	@rm -rf build build-debug build-asan build-tsan build-fuzz
