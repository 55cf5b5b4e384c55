"""The harness: plan the cells of a suite, run each in its own process, write its record."""
