"""`python -m arena.cli` is `arena`, whatever is on PATH."""

import sys

from arena.cli import main

sys.exit(main())
