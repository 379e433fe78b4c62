"""The process that compiles the kernels gives the bytes of every later one: all kernels, dtypes, layouts, sizes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Prints a digest for each case, and the functions of this package that a compiled one has copies of. Sizes: such that
# the last tile of a picture is no multiple of any vector width, one that is, and a row longer than a tile.
EVERYTHING = """
import hashlib, json, re, sys, warnings
import numpy as np
import augfuse as af
from numba.core.dispatcher import Dispatcher

warnings.simplefilter("ignore")
dtype = sys.argv[1]
scale = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
sizes = ((33, 33), (75, 75), (64, 64), (150, 150), (7, 501))

def pictures(height, width, channels):
    noise = np.random.default_rng(height + channels).random((2, height, width, channels)) * scale
    return np.rint(noise).astype(dtype) if dtype != "float32" else noise.astype(dtype)

found = {}
def keep(name, array):
    found[name] = hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=8).hexdigest()

def run(name, recipe, images, out_dtypes=(None, "float32")):
    for layout in ("NHWC", "NCHW"):
        for out in out_dtypes:
            keep(f"{name} {layout} {out}", recipe.batch(images, seed=1, layout=layout, dtype=out).images)

for cls in af.list_transforms():
    for number, example in enumerate(cls.examples):
        for size in ((33, 33), (75, 75)):
            run(f"{cls.__name__}-{number} {size}", af.Recipe([cls(**example)]), pictures(*size, 3))
warp = [af.Affine(degrees=20, translate_x=0.3, scale=(0.8, 1.2)), af.Brightness((0.6, 0.7)), af.Contrast((1.1, 1.2))]
for channels in (1, 2, 3, 4, 5):
    for size in sizes:
        images = pictures(*size, channels)
        for ends in ([], [af.Normalize(0.45, 0.22)], [af.PerImageStandardize()]):
            name = f"{channels} {size} {len(ends) and type(ends[0]).__name__}"
            run(f"plain {name}", af.Recipe(ends), images)
            for fill in ("nearest", "reflect", "wrap", "constant"):
                for interpolation in ("bilinear", "nearest", "bicubic"):
                    recipe = af.Recipe([*warp, *ends], fill=fill, fill_value=0.3 * scale, interpolation=interpolation)
                    run(f"warp {name} {fill} {interpolation}", recipe, images, (None,))
        run(f"mean {channels} {size}", af.Recipe([af.Contrast(pivot="mean")]), images)

import keras
from augfuse.keras import ImageDataGenerator
x = pictures(33, 47, 3).astype(np.float32) * (255 / scale)
for number, options in enumerate((
    dict(rotation_range=20, channel_shift_range=10, brightness_range=(0.5, 1.5), rescale=1 / 255),
    dict(shear_range=10, samplewise_center=True, samplewise_std_normalization=True, compat="strict"),
    dict(zoom_range=0.2, fill_mode="constant", interpolation_order=0, brightness_range=(0.5, 1.5), compat="strict"),
    dict(rotation_range=20, featurewise_center=True, featurewise_std_normalization=True, compat="strict"),
)):
    for layout in ("channels_last", "channels_first"):
        generator = ImageDataGenerator(data_format=layout, **options)
        images = x if layout == "channels_last" else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        if "featurewise_center" in options:
            generator.fit(images)
        keep(f"generator {number} {layout}", next(generator.flow(images, batch_size=2, seed=1)))

calls = []
for module in [m for name, m in sorted(sys.modules.items()) if name.startswith("augfuse")]:
    for kernel in [v for v in vars(module).values() if isinstance(v, Dispatcher)]:
        hits = sum(kernel.stats.cache_hits.values())  # what came from the disk has no assembly to read
        for code in [] if hits else kernel.inspect_asm().values():
            own = kernel.py_func.__name__
            for name in re.findall(r"^(_ZN\\d+augfuse\\w*):", code, re.MULTILINE):
                calls += [] if f"{len(own)}{own}B" in name else [f"{own}: {name}"]
print(json.dumps({"digests": found, "calls": calls}))
"""


def everything(dtype: str, cache: Path) -> dict[str, Any]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3"}
    code = [sys.executable, "-c", EVERYTHING, dtype]
    done = subprocess.run(code, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow(reason="compiles every kernel twice")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_with_an_empty_a_full_and_a_half_filled_cache(dtype: str, tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
    first = everything(dtype, tmp_path)
    # Two copies of one function may be compiled to different machine code: so there must be one of each.
    assert first["calls"] == []
    assert len(first["digests"]) > 500
    assert everything(dtype, tmp_path)["digests"] == first["digests"]
    kept = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    for path in kept[:: 2 if dtype == "float32" else len(kept)]:  # to compile half of them takes long: for one dtype
        path.unlink()
    assert everything(dtype, tmp_path)["digests"] == first["digests"]
