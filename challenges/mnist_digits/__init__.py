"""MNIST digits: read handwritten digits from images of 28×28 pixels."""
