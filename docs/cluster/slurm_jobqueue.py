"""Workers from Slurm as they are needed: python docs/cluster/slurm_jobqueue.py, then run with its address.

Needs dask-jobqueue. Ends, with its workers, on Ctrl+C.
"""

from __future__ import annotations

import signal

from dask_jobqueue import SLURMCluster

with SLURMCluster(
    cores=1,
    processes=1,
    memory="8GB",
    walltime="24:00:00",
    worker_extra_args=["--memory-limit", "0"],  # a cell is a process of its own, under Slurm's limit
) as cluster:
    cluster.adapt(minimum=1, maximum=64)
    print(
        f"ganqbench run --suite standard --executor dask --scheduler {cluster.scheduler_address}", flush=True
    )
    signal.pause()
