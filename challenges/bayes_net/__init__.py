"""Bayesian network: chances of nine yes-no questions, learnt from a table with gaps."""
