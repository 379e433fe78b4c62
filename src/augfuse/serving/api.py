"""`af.export`: a trained model and what its recipe does in evaluation, as one artefact that is checked before it is
kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final, get_args

import numpy as np

from augfuse.algebra.ranges import truth
from augfuse.data.dataset import DataSet
from augfuse.errors import AugfuseError, DataError, ImageTypeError, RangeError, RecipeError
from augfuse.execute.batch_images import as_images
from augfuse.files import naming, put, scratch
from augfuse.recipe import Recipe
from augfuse.serving import check, sides
from augfuse.serving.check import Agreement
from augfuse.serving.program import Program, program
from augfuse.serving.reasons import reason
from augfuse.serving.sides import Format, Side
from augfuse.text import shown

if TYPE_CHECKING:
    from augfuse.frameworks import Model

_SUFFIXES: dict[str, Format] = {"": "saved_model", ".keras": "keras", ".pt2": "torch", ".onnx": "onnx"}
_FORMATS = {"keras": ("saved_model", "keras", "onnx"), "torch": ("torch", "onnx")}
_CHANNELS: dict[str, int] = {"rgb": 3, "grayscale": 1, "rgba": 4}
_TITLES = {
    "saved_model": "a SavedModel", "keras": "a .keras file", "torch": "an ExportedProgram", "onnx": "an ONNX file",
}  # fmt: skip
_MOST = 64  # images of a data set that are compared
_KINDS = ("PNG", "JPEG")


@final
@dataclass(frozen=True, slots=True)
class Exported:
    """What `af.export` wrote, and how far it is from the training pipeline.

    images: how many were compared. max_difference: the largest difference of a prediction of the artefact, read back
    from the disk and given raw images, from that of the recipe and the model; bound: what it may be. levels: the
    largest difference of what the two networks are given, in grey levels of 255. encoded: of a SavedModel, by kind of
    file, the same for encoded images; `levels` of the decoded pixels.
    """

    path: Path
    format: Format
    images: int
    max_difference: float
    bound: float
    levels: float
    encoded: dict[str, Agreement] = field(default_factory=dict)

    def __str__(self) -> str:
        said = (
            f"{self.path}: {_TITLES[self.format]}. {self.images} raw images: predictions differ by at most "
            f"{self.max_difference:.2g} (allowed: {self.bound:.2g}), pixels by {self.levels:.2g} of 255."
        )
        for kind, found in self.encoded.items():
            said += f" {kind} files: predictions by {found.prediction:.2g}, decoded pixels by {found.levels:.2g}."
        return said


def export(
    model: Model,
    recipe: Recipe,
    path: str | Path,
    *,
    images: DataSet | Sequence[np.ndarray] | np.ndarray | None = None,
    tolerance: float = 1e-3,
    format: Format | None = None,
    color: Literal["rgb", "grayscale", "rgba"] | None = None,
    layout: Literal["NHWC", "NCHW"] | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write one artefact that takes raw images of any size and predicts as the training pipeline does: `recipe.eval()`,
    then the model.

        print(af.export(model, recipe, "served"))   # Keras on TensorFlow: a SavedModel, of encoded and of uint8 images
        af.export(model, recipe, "served.keras")    # Keras on any backend: uint8 images
        af.export(model, recipe, "served.pt2")      # PyTorch: an ExportedProgram of uint8 images
        af.export(model, recipe, "served.onnx")     # PyTorch, or Keras on TensorFlow: uint8 images

    An artefact holds operations of the framework, and is loaded without augfuse. It takes uint8 images (n, h, w, c), in
    each batch of one size. It is read back and compared with the training pipeline before it is kept.

    Args:
        model: a trained Keras model of one input, or a PyTorch module. It is asked in evaluation mode.
        recipe: that it was trained with. In evaluation it may resize, crop, pad, mix colours and scale.
        path: where the artefact goes; its suffix says the format.
        images: what is compared: uint8 images (h, w, c), or a data set, of which the first 64 count. None: made-up ones
            of six sizes.
        tolerance: how far apart predictions may be, as a part of the largest one where that is above 1.
        format: "saved_model", "keras", "torch" or "onnx", where the suffix does not say it.
        color: what images are: "rgb", "grayscale" or "rgba". None: what the model takes, or "rgb".
        layout: of the batches that a PyTorch module takes; None: "NCHW". Keras models take "NHWC".
        overwrite: replace what is there.

    Returns:
        An `Exported`: print it.

    Raises:
        DataError: the artefact disagrees with the training pipeline, cannot be written or read back, or something is in
        its place. RecipeError: evaluation does what an artefact cannot hold. ImageTypeError: another kind of model or
        image. MissingExtraError: what writes or reads the format is not installed.
    """
    target, form = Path(path), _format(Path(path), format, sides.framework_of(model))
    if not isinstance(recipe, Recipe):
        raise ImageTypeError(f"export: got {shown(recipe)} as recipe, wanted af.Recipe([...]).")
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0 < tolerance < 1:
        raise RangeError(f"tolerance: got {shown(tolerance)}, wanted a number between 0 and 1, such as 1e-3.")
    if layout not in (None, "NHWC", "NCHW"):
        raise RangeError(f"layout: got {shown(layout)}, wanted 'NHWC' or 'NCHW'.")
    if layout == "NCHW" and sides.framework_of(model) == "keras":
        raise RangeError("layout: got 'NCHW' for a Keras model, wanted 'NHWC': put a keras.layers.Permute in front.")
    sides.check_raw(model, recipe, form)
    _check_target(target, form, truth("overwrite", overwrite))
    kind = _color(color, sides.channels_of(model))
    groups = None if images is None else _groups(images, _CHANNELS[kind])
    made = _sized(program(recipe, _CHANNELS[kind]), sides.size_of(model), groups)
    assert made.size is not None
    groups = groups or check.made_up(made.size, made.channels, fixed=not made.moves)
    side = sides.of(model, made, form, None if layout is None else layout == "NCHW")
    with side.evaluating(), scratch(target.absolute().parent) as folder, naming(target, folder):
        new = folder / (target.name if form != "saved_model" else "saved_model")
        with _told(f"{_TITLES[form]} of this model cannot be written"):
            side.write(new)
        with _told(f"{_TITLES[form]} of this model was written, and cannot be read back"):
            images_in, encoded_in = side.read(new)
        raw, bound = _raw(side, images_in, recipe, groups, tolerance)
        encoded = {} if encoded_in is None else _encoded(side, encoded_in, recipe, groups, kind, tolerance)
        put(new, target, folder / "old")
    return Exported(target, form, sum(map(len, groups)), raw.prediction, bound, raw.levels, encoded)


def _format(path: Path, given: Any, kind: str) -> Format:
    suffix = path.suffix.lower()
    form: Any = given if given is not None else _SUFFIXES.get(suffix)
    if form not in get_args(Format):
        wanted = ", ".join(f"'served{suffix}'" for suffix in _SUFFIXES)
        raise DataError(
            f"export: got the path {shown(str(path))} and format={shown(given)}, wanted a path such as {wanted}, or "
            f"one of the formats {', '.join(map(shown, get_args(Format)))}."
        )
    if form not in _FORMATS[kind]:
        title = "a Keras model" if kind == "keras" else "a PyTorch module"
        wanted = " or ".join(f"{_TITLES[one]}, path 'served{_suffix(one)}'" for one in _FORMATS[kind])
        raise DataError(f"export: {title} does not become {_TITLES[form]}, wanted {wanted}.")
    return form


def _suffix(form: str) -> str:
    return next(suffix for suffix, known in _SUFFIXES.items() if known == form)


def _color(color: Any, channels: int | None) -> Any:
    if color is not None and color not in _CHANNELS:
        raise DataError(f"color: got {shown(color)}, wanted one of {', '.join(map(shown, _CHANNELS))}.")
    own = next((name for name, number in _CHANNELS.items() if number == channels), None)
    if channels is not None and own is None:
        raise DataError(f"export: the model takes images of {channels} channels, wanted 1, 3 or 4.")
    if color is not None and own is not None and color != own:
        raise DataError(f"color: got {shown(color)}, and the model takes {channels} channels: color={shown(own)}.")
    return color or own or "rgb"


def _sized(made: Program, wanted: tuple[int, int] | None, groups: list[np.ndarray] | None) -> Program:
    """The program with the size of what it makes: as the model takes it."""
    if made.size is not None:
        if wanted is not None and wanted != made.size:
            raise RecipeError(
                f"export: the recipe makes images of {made.size[0]}x{made.size[1]}, and the model takes "
                f"{wanted[0]}x{wanted[1]}. Give the recipe that it was trained with."
            )
        return made
    found = {group.shape[1:3] for group in groups or ()} if wanted is None else {wanted}
    if len(found) != 1:
        raise RecipeError(
            "export: the recipe sets no size, and the model takes any. Add af.Resize(size) to the recipe, or give "
            "images=..., all of one size, which the artefact then takes."
        )
    return made._replace(size=found.pop())


def _groups(images: Any, channels: int) -> list[np.ndarray]:
    """Images of equal size next to each other, as arrays (n, h, w, c)."""
    if isinstance(images, DataSet):
        images = [images[i].image for i in range(min(len(images), _MOST))]
    found = as_images(images)
    if not len(found):
        raise DataError("export: got no images to compare, wanted some. Leave images out for made-up ones.")
    if found.dtype != np.uint8 or found.channels != channels:
        raise ImageTypeError(
            f"export: got images of {found.dtype.name} and {found.channels} channels, wanted uint8 and {channels}: "
            "raw images, as the artefact is given them."
        )
    rows = (found[i] for i in range(len(found)))
    return [np.stack(list(alike)) for _, alike in itertools.groupby(rows, key=lambda one: one.shape)]


def _expected(side: Side, recipe: Recipe, images: Any) -> tuple[np.ndarray, Any]:
    """What the training pipeline gives to the network, and what that predicts."""
    layout = "NCHW" if side.planar else "NHWC"
    written = recipe.batch(images, training=False, dtype="float32", layout=layout).images
    return written, side.expected(written)


def _raw(
    side: Side, artefact: sides.Predict, recipe: Recipe, groups: list[np.ndarray], tolerance: float
) -> tuple[Agreement, float]:
    found = Agreement()
    for images in groups:
        written, predicted = _expected(side, recipe, images)
        apart = check.levels(side.written(images), written)
        with _told(f"the artefact fails for images of {images.shape[1]}x{images.shape[2]}"):
            given = artefact(images)
        found = found.and_of(check.predictions(given, predicted, "the artefact")._replace(levels=apart))
    return found, _agreed(found, tolerance, "raw images", found.levels > check.INPUT_LEVELS)


def _encoded(
    side: Side, artefact: sides.Predict, recipe: Recipe, groups: list[np.ndarray], color: Any, tolerance: float
) -> dict[str, Agreement]:
    assert side.decoded is not None
    agreements = {}
    images = [image for group in groups for image in group]
    for kind in _KINDS:
        raw = check.encoded(images, kind)
        pixels = check.decoded(raw, color)
        apart = max(check.apart(side.decoded(one), known) for one, known in zip(raw, pixels, strict=True))
        _, predicted = _expected(side, recipe, pixels)
        with _told(f"the artefact fails for {kind} files"):
            given = artefact(raw)
        found = check.predictions(given, predicted, "the artefact")._replace(levels=apart)
        _agreed(found, tolerance, f"{kind} files", False)
        agreements[kind] = found
    return agreements


def _agreed(found: Agreement, tolerance: float, what: str, pixels: bool) -> float:
    """The bound of a prediction's difference. DataError above it."""
    bound = tolerance * max(1.0, found.largest)
    if pixels or found.prediction > bound:
        raise DataError(
            f"export: the artefact disagrees with the training pipeline for {what}, and is not kept: predictions "
            f"differ by up to {found.prediction:.3g}, wanted at most {bound:.3g}; what the network is given by "
            f"{found.levels:.3g} grey levels of 255, wanted at most {check.INPUT_LEVELS}. A model in bfloat16 or "
            "float16 needs a larger tolerance=... ."
        )
    return bound


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Errors of a framework within the block become DataErrors that say what was tried."""
    try:
        yield
    except (AugfuseError, OSError):
        raise
    except Exception as error:
        raise DataError(f"export: {what} {reason(error)}") from error


def _check_target(target: Path, form: Format, overwrite: bool) -> None:
    if not target.absolute().parent.is_dir():
        raise DataError(f"export {target}: there is no folder {target.absolute().parent}.")
    if not target.exists():
        return
    ours = (target / "saved_model.pb").is_file() if form == "saved_model" else target.is_file()
    if not ours:
        raise DataError(f"export {target}: is there, and is not {_TITLES[form]}. Choose another path.")
    if not overwrite:
        raise DataError(f"export {target}: is there already. Type overwrite=True, or choose another path.")
