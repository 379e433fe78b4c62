"""`af.export` of PyTorch modules: ExportedPrograms and ONNX of uint8 images of any number and size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of PyTorch's own code

RNG = np.random.default_rng(0)
RECIPE = af.Recipe([af.RandomResizedCrop(32), af.HorizontalFlip(), af.Normalize()])
SIZES = ((1, 32, 32), (3, 71, 90), (2, 9, 200), (5, 1, 1))


class Two(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A module with two outputs, and one inside that stays in evaluation mode."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        torch.manual_seed(0)
        self.frozen = torch.nn.BatchNorm2d(3).eval()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Flatten()
        )
        self.first, self.second = torch.nn.Linear(4 * 30 * 30, 4), torch.nn.Linear(4 * 30 * 30, 2)

    def forward(self, images: Any) -> Any:
        found = self.body(self.frozen(images))
        return {"classes": self.first(found), "place": self.second(found)}


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def predicted(model: Any, recipe: af.Recipe, images: np.ndarray) -> Any:
    written = recipe.batch(images, training=False, layout="NCHW").images
    with torch.no_grad():
        return model.eval()(torch.from_numpy(written))


@pytest.mark.slow(reason="in a process of its own, with torch")
def test_an_exported_program_needs_nothing_of_augfuse(tmp_path: Path) -> None:
    model = Two()
    model.train()
    model.frozen.eval()
    done = af.export(model, RECIPE, tmp_path / "m.pt2")
    assert model.training and model.body[2].training and not model.frozen.training
    assert done.format == "torch" and done.levels < 0.01 and done.max_difference <= done.bound
    np.savez(tmp_path / "x.npz", *(noise(*size, 3) for size in SIZES))
    code = (
        "import sys; sys.modules['augfuse'] = None; import numpy as np, torch\n"
        f"model = torch.export.load({str(done.path)!r}).module()\n"
        f"given = np.load({str(tmp_path / 'x.npz')!r})\n"
        "found = {name: model(torch.from_numpy(given[name]))['classes'].detach().numpy() for name in given}\n"
        f"np.savez({str(tmp_path / 'out.npz')!r}, **found)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    given, found = np.load(tmp_path / "x.npz"), np.load(tmp_path / "out.npz")
    for name in given:
        np.testing.assert_allclose(found[name], predicted(model, RECIPE, given[name])["classes"], atol=1e-5)


def test_onnx(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra: pip install 'augfuse[onnx]'")
    pytest.importorskip("onnxscript", reason="needs the extra: pip install 'augfuse[onnx]'")
    model = Two()
    done = af.export(model, RECIPE, tmp_path / "m.onnx")
    session = runtime.InferenceSession(str(done.path))
    for size in SIZES:
        images = noise(*size, 3)
        found = session.run(["classes", "place"], {session.get_inputs()[0].name: images})
        wanted = predicted(model, RECIPE, images)
        for one, name in zip(found, ("classes", "place"), strict=True):
            np.testing.assert_allclose(one, wanted[name], atol=1e-5)


def test_channels_last_and_gray(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(24 * 24, 3))
    recipe = af.Recipe([af.Resize(24, mode="cover"), af.CenterCrop(24), af.ToFloat()])
    done = af.export(model, recipe, tmp_path / "m.pt2", color="grayscale", layout="NHWC")
    images = noise(2, 50, 31, 1)
    found = torch.export.load(done.path).module()(torch.from_numpy(images))
    np.testing.assert_allclose(found.detach(), predicted(model, recipe, images), atol=1e-5)


def test_a_recipe_without_a_size_asks_for_images(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.Flatten())
    recipe = af.Recipe([af.HorizontalFlip(), af.Normalize()])
    with pytest.raises(af.RecipeError, match=r"sets no size, and the model takes any.*images="):
        af.export(model, recipe, tmp_path / "m.pt2")
    done = af.export(model, recipe, tmp_path / "m.pt2", images=noise(2, 20, 24, 3))
    assert torch.export.load(done.path).module()(torch.from_numpy(noise(7, 20, 24, 3))).shape == (7, 2 * 18 * 22)


def test_a_module_that_does_not_export_says_so(tmp_path: Path) -> None:
    class Odd(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, images: Any) -> Any:
            return images.sum() if float(images.sum()) > 0 else images

    with pytest.raises(af.DataError, match=r"an ExportedProgram of this model cannot be written"):
        af.export(Odd(), RECIPE, tmp_path / "m.pt2")
    assert not list(tmp_path.iterdir())


def test_the_wrong_file_for_a_module(tmp_path: Path) -> None:
    with pytest.raises(af.DataError, match=r"a PyTorch module does not become a .keras file, wanted .*served.pt2"):
        af.export(Two(), RECIPE, tmp_path / "m.keras")
