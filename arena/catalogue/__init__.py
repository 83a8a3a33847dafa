"""Catalogue: challenges as loaded from their packages, their data, and the pages that describe them."""
