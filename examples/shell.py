"""How every example is started: what cannot be used is an error of one line, with exit code 2 and no traceback."""

import sys
from collections.abc import Callable
from typing import Any

import cyclopts

import augfuse as af


def run(main: Callable[..., Any]) -> None:
    """Call `main` with the words of the command line, and end the program."""
    app = cyclopts.App(help=main.__doc__)
    app.default(main)
    try:
        app(sys.argv[1:], exit_on_error=False, result_action="return_value")
    except cyclopts.CycloptsError:
        sys.exit(2)  # cyclopts has printed what is wrong
    except af.AugfuseError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"{error.filename or 'error'}: {error.strerror or error}.", file=sys.stderr)
        sys.exit(2)
