"""Distillation: train a small network to read digits from the answers of a large one."""
