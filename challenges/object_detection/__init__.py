"""Object detection: find several things in each picture, and say what each of them is."""
