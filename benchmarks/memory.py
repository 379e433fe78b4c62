"""How much memory a loader takes beyond the data and its batches: 400 MB of images, more than 100 batches of 64.

    python benchmarks/memory.py [--images 2800] [--batches 120] [--name memory]

Reads /proc/self/statm, so it runs on Linux. The process that is measured is a new one.
"""

from __future__ import annotations

import json
import subprocess
import sys

import cyclopts

import timing

DEMANDED_MB = 64
SIZE, BATCH = 224, 64

MEASURED = """
import json, os, sys
import numpy as np
import augfuse as af

images, batches, size, batch_size = map(int, sys.argv[1:])

def resident():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

recipe = af.Recipe([
    af.Rotate(degrees=20), af.Translate(x=0.1, y=0.1), af.Scale(factor=0.1), af.HorizontalFlip(p=0.5),
    af.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05),
    af.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
])
bare = resident()
recipe.batch(np.zeros((2, size, size, 3), np.uint8), seed=0)
kernels = resident()
pixels = np.random.default_rng(0).integers(0, 256, (images, size, size, 3), dtype=np.uint8)
data = resident()

loader = af.Loader(af.from_arrays(pixels), recipe, batch_size=batch_size, seed=0)
kept = loader.workers + 3  # one per thread, one waiting, the one in use and the one before it
done, early, peak, buffers = 0, 0.0, 0.0, set()
while done < batches:
    for batch in loader:
        done += 1
        now = resident()
        peak = max(peak, now)
        early = now if done == min(20, batches) else early
        buffers.add(batch.images.__array_interface__["data"][0])
        if done == batches:
            break
print(json.dumps({
    "kernels_mb": kernels - bare,
    "data_mb": data - kernels,
    "data_nbytes_mb": pixels.nbytes / 2**20,
    "batch_mb": batch.images.nbytes / 2**20,
    "batches_kept_by_design": kept,
    "distinct_buffers": len(buffers),
    "after_20_batches_mb": early - data,
    "after_all_batches_mb": now - data,
    "peak_mb": peak - data,
}))
"""


def measure(images: int, batches: int) -> dict[str, float]:
    """The measured process' figures, in MB (2**20 bytes), and what is left when its batches are taken off."""
    numbers = [str(number) for number in (images, batches, SIZE, BATCH)]
    done = subprocess.run([sys.executable, "-c", MEASURED, *numbers], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the measured process failed:\n{done.stderr}")
    found = json.loads(done.stdout)
    found["beyond_batches_mb"] = found["peak_mb"] - found["batches_kept_by_design"] * found["batch_mb"]
    return found


def main(*, images: int = 2800, batches: int = 120, name: str = "memory") -> None:
    """Measure, print, and write results/NAME.json.

    Parameters
    ----------
    images
        How many random 224x224 RGB images lie in memory.
    batches
        How many batches of 64 are taken from the loader.
    name
        Name of the result file, without its ending.
    """
    machine = timing.machine("augfuse", "numpy", "numba")
    found = measure(images, batches)
    for what, value in found.items():
        print(f"{what:22} {value:8.1f}")
    verdict = "reached" if found["beyond_batches_mb"] < DEMANDED_MB else "MISSED"
    print(f"beyond data and batches: {found['beyond_batches_mb']:.1f} MB   demanded under {DEMANDED_MB} MB: {verdict}")
    path = timing.write_json(name, {"machine": machine, "memory": found, "demanded_mb": DEMANDED_MB})
    print(f"written: {path}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
