"""The entry point: `augfuse`, and `python -m augfuse`. It imports inside, so that Ctrl-C is heard from early on."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line as a process: signals, standard output and errors as a shell expects them."""
    from augfuse.commands import interrupts, terminal

    try:
        interrupts.install()
        sys.excepthook = terminal.show_error
        from augfuse.cli import main as run

        code = run()
    except KeyboardInterrupt as stop:  # while the command line itself was being imported
        code = interrupts.said(stop)
    except Exception as error:
        found = interrupts.behind(error)
        if found is None:
            raise
        code = interrupts.said(found)
    stopped = interrupts.caught()
    if stopped is not None:
        interrupts.end(stopped)
    interrupts.finish()
    terminal.flush_errors()
    return code


if __name__ == "__main__":
    sys.exit(main())
