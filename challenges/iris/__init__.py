"""Iris: name the species of a flower from four measurements."""
