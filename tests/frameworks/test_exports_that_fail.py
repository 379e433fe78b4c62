"""Models that PyTorch cannot export: the error holds the reason and what to do, and nothing is printed beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import augfuse as af

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of PyTorch's own code
RECIPE = af.Recipe([af.Resize((16, 16)), af.Normalize()])


class Decides(torch.nn.Module):  # type: ignore[misc, name-defined]
    """By the values of its images."""

    def forward(self, images: Any) -> Any:
        return images.sum((1, 2, 3)) if images.sum() > 0 else images.mean((1, 2, 3))


class Fixed(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Of two images."""

    def forward(self, images: Any) -> Any:
        return images.reshape(2, -1)


@pytest.mark.parametrize(
    ("model", "suffix", "words"),
    [
        (Decides, ".pt2", r"Could not guard on data-dependent expression.*Use torch\.where\."),
        (Decides, ".onnx", r"Could not guard on data-dependent expression.*Use torch\.where\."),
        (Fixed, ".pt2", r"Constraints violated.*any number of images.*x\.reshape\(x\.shape\[0\], -1\)"),
    ],
)
def test_reasons(model: Any, suffix: str, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(af.DataError, match=words) as found:
        af.export(model(), RECIPE, tmp_path / f"served{suffix}")
    assert "x1b" not in str(found.value) and "\n" not in str(found.value)
    assert "def forward" not in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []
