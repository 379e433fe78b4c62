"""`save_to_dir`: what cannot be saved is known when the iterator is made, not in the middle of an epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse.errors import DataError, DataNotFoundError
from augfuse.keras import ImageDataGenerator

# The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning"),
    pytest.mark.filterwarnings("ignore:.*with 1, 3 or 4 channels expected:augfuse.errors.AugfuseWarning"),
]
RNG = np.random.default_rng(0)


def flow(out: Path, channels: int = 3, compat: Any = None, **options: Any) -> Any:
    x = RNG.integers(0, 256, (2, 8, 8, channels), dtype=np.uint8)
    return ImageDataGenerator(compat=compat).flow(x, batch_size=2, save_to_dir=str(out), **options)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "data/a").mkdir(parents=True)
    Image.new("RGBA", (8, 8)).save(tmp_path / "data/a/0.png")
    return tmp_path / "data"


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("save_format", ["jpg", "jpeg", "JPG", ".jpg"])
def test_alpha_does_not_fit_into_every_format(save_format: str, compat: Any, tmp_path: Path, files: Path) -> None:
    with pytest.raises(DataError, match=r"images of 4 channels \(RGBA\), which it cannot hold.*save_format='png'"):
        flow(tmp_path, 4, compat, save_format=save_format)
    with pytest.raises(DataError, match="RGBA"):
        ImageDataGenerator(compat=compat).flow_from_directory(
            files, color_mode="rgba", save_to_dir=str(tmp_path), save_format=save_format
        )
    next(flow(tmp_path, 4, compat, save_format="png"))
    next(flow(tmp_path, 1, compat, save_format=save_format.removeprefix(".")))


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("channels", [2, 5, 7])
def test_pictures_have_1_3_or_4_channels(channels: int, compat: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"the images have {channels} channels, and pictures have 1, 3 or 4"):
        flow(tmp_path, channels, compat)


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize(
    ("save_format", "advice"),
    [("xyz", "such as 'png'"), ("pgn", "Did you mean"), ("", "such as 'png'"), ("npy", "'png'")],
)
def test_formats_that_nobody_writes(save_format: str, advice: str, compat: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"save_format: got '{save_format}', wanted the suffix.*{advice}"):
        flow(tmp_path, compat=compat, save_format=save_format)


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("prefix", ["aug/x", "aug/", "a/b/c"])
def test_a_prefix_with_a_folder(prefix: str, compat: Any, tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"save_prefix: got .* names the folder .*os\.makedirs"):
        flow(tmp_path, compat=compat, save_prefix=prefix)
    (tmp_path / prefix).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / prefix).mkdir(exist_ok=True)
    next(flow(tmp_path, compat=compat, save_prefix=prefix))
    assert len(list(tmp_path.rglob("*.png"))) == 2


def test_a_dot_before_the_format(tmp_path: Path) -> None:
    next(flow(tmp_path, save_format=".png", save_prefix="a"))
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == 2 and not any(".." in name for name in names)
    next(flow(tmp_path, compat="strict", save_format=".png", save_prefix="b"))  # Keras' names
    assert len(list(tmp_path.glob("b*..png"))) == 2


@pytest.mark.parametrize("save_format", ["png", "jpg", "bmp", "tiff", "webp", "gif"])
def test_formats_that_can_be_written(save_format: str, tmp_path: Path) -> None:
    next(flow(tmp_path, save_format=save_format))
    assert len(list(tmp_path.glob(f"*.{save_format}"))) == 2
