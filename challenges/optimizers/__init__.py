"""optimizers: an optimiser of one's own, stepped through landscapes that it learns of only by their gradients."""
