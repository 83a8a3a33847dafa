"""CIFAR-10: tell ten kinds of things apart in small colour images."""
