"""A pytest plugin: one thread for each process of the suite, since pytest-xdist gives every core a process of its own.

Threads of numpy, torch and scikit-learn that wait for each other on a busy machine take five times as long as one.
It is loaded before anything that reads these variables.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
