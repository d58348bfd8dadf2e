#!/usr/bin/env bash
# Makes the environment and the input, runs the job (two minutes on two processors) and compares its output.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
output=build/demo/embeddings/output

tools/venv.sh embeddings "$here/requirements.txt" "$here/requirements-no-deps.txt"
export VIRTUAL_ENV=$PWD/build/venvs/embeddings PATH=$PWD/build/venvs/embeddings/bin:$PATH
python "$here/prepare.py"
build/bin/parallelrun run examples/embeddings/job.yaml --overwrite
python "$here/check.py" "$output/embeddings.parquet"
