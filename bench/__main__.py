"""`python -m ganqbench`."""

from ganqbench.cli.main import main

if __name__ == "__main__":  # the processes of a local Dask cluster import this module too
    main()
