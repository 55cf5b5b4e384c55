"""`python -m ganqbench`."""

from ganqbench.cli.main import main

main()
