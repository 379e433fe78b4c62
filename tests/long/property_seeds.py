"""All property tests with many seeds: every failure that shows once in a hundred runs shows here.

    python tests/long/property_seeds.py [--seeds 100] [--first 0] [FILE ...]

FILE: test files, by default all. About a minute a seed on two cores. Prints one line for each seed, and the end of the
output of a failed one, which `pytest -m hypothesis --hypothesis-seed=N` replays. Exit code 1 if any failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def main() -> int:
    """Run the seeds one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("files", nargs="*", type=Path, help="test files, by default all that have properties")
    chosen = parser.parse_args()
    every = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "hypothesis" in path.read_text()]
    files = [str(path.resolve()) for path in chosen.files or every]
    failed: list[int] = []
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        start = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-m", "hypothesis", "-q", f"--hypothesis-seed={seed}"]
        command += ["-p", "no:cacheprovider", *files]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        last = done.stdout.strip().splitlines()[-1:] or ["no output"]
        print(f"seed {seed}: exit {done.returncode}, {time.monotonic() - start:.0f} s, {last[0]}", flush=True)
        if done.returncode != 0:
            failed.append(seed)
            print(done.stdout[-4000:], done.stderr[-2000:], sep="\n", flush=True)
    print(f"{chosen.seeds - len(failed)} of {chosen.seeds} seeds passed" + (f"; failed: {failed}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
