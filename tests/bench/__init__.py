"""Benchmarks: each module has `run(quick=…)`, which measures beside a reference and returns the rows of a table."""
