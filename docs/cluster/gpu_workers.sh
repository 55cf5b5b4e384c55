#!/usr/bin/env bash
# One worker per GPU of this machine: gpu_workers.sh tcp://10.0.0.5:8786
# Needs dask-cuda, which sets CUDA_VISIBLE_DEVICES for each of its workers.
set -euo pipefail
exec dask cuda worker "${1:?give the address of the scheduler}" \
    --nthreads 1 --memory-limit 0 --resources "GPU=1" --no-dashboard
