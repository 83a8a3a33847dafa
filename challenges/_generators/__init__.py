"""Synthetic worlds that several challenges share, and the keys that make each installation's data its own."""
