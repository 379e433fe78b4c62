"""The entry point: `augfuse`, and `python -m augfuse`. It imports inside, so that Ctrl-C is heard from early on."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return the exit code."""
    try:
        from augfuse.cli import main as run

        return run()
    except KeyboardInterrupt:  # while the command line itself was being imported
        print("augfuse: interrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
