"""Installs the wheel and the sdist into empty environments, and runs the README's Python blocks there: `make dist`.

The wheel gets the extra "train" and runs all blocks; the sdist gets no extra, and runs the first block and the command.
Neither sees the checkout.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCKS = """
import sys
session = {}
for block in sys.argv[2:]:
    exec(compile(block, "README.md", "exec"), session)
import augfuse
assert augfuse.__file__.startswith(sys.prefix), augfuse.__file__
assert augfuse.__version__ == sys.argv[1], augfuse.__version__
"""


def main(folder: Path) -> None:
    """Try what lies in the folder."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    version = wheel.name.split("-")[1]
    _try(f"{wheel.resolve()}[train]", version, blocks)
    _try(str(sdist.resolve()), version, blocks[:1])


def _try(what: str, version: str, blocks: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        venv.create(place / "env", with_pip=True)
        programs = place / "env" / ("Scripts" if os.name == "nt" else "bin")
        quiet = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        for line in (
            [programs / "python", "-m", "pip", "install", "--quiet", what],
            [programs / "python", "-W", "error::DeprecationWarning:__main__", "-c", BLOCKS, version, *blocks],
            [programs / "augfuse", "--version"],
        ):
            subprocess.run([str(word) for word in line], cwd=place, env=quiet, check=True)
    print(f"{Path(what).name}: installs, and runs {len(blocks)} blocks of the README")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
