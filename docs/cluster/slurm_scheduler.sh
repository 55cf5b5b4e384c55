#!/usr/bin/env bash
#SBATCH --job-name=ganqbench-scheduler
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --time=7-00:00:00
# Writes scheduler.json into the folder it is submitted from; workers and driver read it there:
#   ganqbench run --suite standard --executor dask --scheduler "$(python -c 'import json; print(json.load(open("scheduler.json"))["address"])')"
set -euo pipefail
exec dask scheduler --scheduler-file scheduler.json --no-dashboard
