#!/usr/bin/env bash
#SBATCH --job-name=ganqbench-worker
#SBATCH --array=1-64
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=8G
#SBATCH --time=1-00:00:00
#SBATCH --signal=TERM@60
# `ganqbench plan --suite NAME` says how much memory a cell takes. Dask's own limit is off: a cell is a
# process beside the worker, and Slurm's limit covers both.
set -euo pipefail
exec dask worker --scheduler-file scheduler.json --nthreads 1 --nworkers 1 --memory-limit 0 --no-dashboard
