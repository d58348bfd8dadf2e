#!/usr/bin/env bash
# How many compilers to run at once: one a core, but each with 1.5 GB of the memory that is available.
set -euo pipefail
cores=$(nproc)
available_kb=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
by_memory=$((available_kb / 1572864))
jobs=$((cores < by_memory ? cores : by_memory))
echo $((jobs > 0 ? jobs : 1))
