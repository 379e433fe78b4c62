"""`python -m augfuse` is `augfuse`."""

from __future__ import annotations

import sys

from augfuse.cli import main

if __name__ == "__main__":
    sys.exit(main())
