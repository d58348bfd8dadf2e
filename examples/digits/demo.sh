#!/usr/bin/env bash
# What `make demo` runs once the programs are built: prepares the data, runs the job, prints the accuracy.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
output=build/demo/digits/output

tools/venv.sh examples "$here/requirements.txt" "$here/requirements-no-deps.txt"
export VIRTUAL_ENV=$PWD/build/venvs/examples PATH=$PWD/build/venvs/examples/bin:$PATH

[[ -f build/demo/digits/model/digits.joblib ]] || python "$here/prepare.py"
rm -rf "$output"  # of an earlier demo: a finished job does nothing when it is started again

echo "\$ parallelrun run examples/digits/job.yaml"
build/bin/parallelrun run examples/digits/job.yaml
python "$here/accuracy.py" "$output/parallel_run_step.txt"
cat <<END

Where to look next
  $output/parallel_run_step.txt             the rows: image, digit, label
  $output/logs/job_progress_overview.txt    how the job went; start here when one fails
  $output/logs/user/entry_script_log/       what the script logged, for each process
  examples/digits/                               the script and the manifest
  examples/tabular/                              the same for CSV files
  docs/logs.md                                   every log file explained
END
