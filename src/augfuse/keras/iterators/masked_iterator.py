"""Images with their masks out of one iterator: what `flow_with_masks` returns."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any, final

import numpy as np

from augfuse.algebra.ranges import truth
from augfuse.data.columns.mask_files import decode_mask
from augfuse.data.decoding.decode import decode, sniff
from augfuse.data.stores.image_files import read_file
from augfuse.errors import DataError, DataNotFoundError, DecodeError, ImageError, ImageTypeError, did_you_mean
from augfuse.keras.checks import rules
from augfuse.keras.checks.edge import checked
from augfuse.keras.checks.reading import check_choice, parse_target_size, why_missing
from augfuse.keras.generator.augment import draw, transform
from augfuse.keras.generator.draws import Parameters
from augfuse.keras.generator.lower import render
from augfuse.keras.generator.options import Generator, read_options
from augfuse.keras.generator.steps import Pixels, as_stack
from augfuse.keras.images import resized
from augfuse.keras.iterators.array_iterator import NumpyArrayIterator
from augfuse.keras.iterators.directory_iterator import DirectoryIterator
from augfuse.keras.iterators.iterator import Iterator
from augfuse.keras.iterators.listing import Listing
from augfuse.text import shown

_IMAGES = tuple("." + ending for ending in Iterator.white_list_formats)
_MASKS = (*_IMAGES, ".gif", ".webp")
_MODES = ("values", "rgb", "rgba")


@checked(Iterator.__init__, datagen=rules.needed_generator, mask_cval=rules.number, mask_rescale=rules.optional)
def flow_with_masks(
    datagen: Generator,
    images: Any,
    masks: Any,
    target_size: tuple[int, int] = (256, 256),
    color_mode: str = "rgb",
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int | None = None,
    subset: str | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    follow_links: bool = False,
    mask_mode: str = "values",
    mask_suffix: str = "",
    mask_cval: float = 0,
    mask_rescale: float | None = None,
    **kwargs: Any,
) -> MaskedIterator:
    """Batches (images, masks) of an `ImageDataGenerator`, in place of two generators with one seed and zip().

        batches = flow_with_masks(datagen, "camvid/images", "camvid/masks", target_size=(256, 256), seed=0)
        batches = flow_with_masks(datagen, x_train, mask_train, batch_size=16)
        model.fit(batches, epochs=10)

    One draw moves an image and its mask, so that no worker, prefetch, broken file or option can put them out of step. A
    mask is turned, shifted, zoomed and flipped as its image is, by nearest neighbour; brightness, channel shifts,
    rescale, preprocessing_function and statistics are of the images alone.

    Masks are in the dtype of the images, (n, 1, h, w) with data_format="channels_first". A broken file is an error.

    Args:
        datagen: an `ImageDataGenerator`.
        images, masks: two folders, or two arrays. Folders: files of one name below both, images/a/1.jpg with
            masks/a/1.png, directly in them or in class folders. Arrays: (n, h, w, c) and (n, h, w) or (n, h, w, k).
        target_size, color_mode, interpolation, keep_aspect_ratio, follow_links: of folders, as in
            `flow_from_directory`.
        batch_size: samples of a batch.
        shuffle: a new order in each epoch.
        seed: a whole number; None takes one from NumPy's global generator.
        subset: as there, of folders and of arrays; "validation" is not augmented.
        mask_mode: "values" (n, h, w, 1), of a palette image its indices, of a gray one its values, never colours or
            brightness; "rgb" and "rgba" the colours.
        mask_suffix: "_mask" for images/1.jpg with masks/1_mask.png.
        mask_cval: what comes into masks from outside with fill_mode="constant".
        mask_rescale: a factor for masks.
        **kwargs: `workers`, ... of `Iterator`.

    Attributes:
        **kwargs: `workers`, ... of `Iterator`.

    Returns:
        A `MaskedIterator`.

    Raises:
        DataNotFoundError: no such folder.
        DataError: a ValueError (an image or a mask without its partner, which is named; lengths or sizes that differ).
        ImageTypeError: a folder and an array; a generator whose own get_random_transform or apply_transform cannot be
            applied to masks.
    """
    options = read_options(datagen)
    if options.overrides("get_random_transform", "apply_transform"):
        raise ImageTypeError(
            f"datagen: {type(datagen).__name__} has a get_random_transform or an apply_transform that masks cannot "
            "follow. Use an ImageDataGenerator with options, and for the rest a preprocessing_function."
        )
    check_choice("mask_mode", mask_mode, _MODES)
    if isinstance(images, (str, os.PathLike)) != isinstance(masks, (str, os.PathLike)):
        raise ImageTypeError(
            f"masks: got {type(masks).__name__} for images from {type(images).__name__}, wanted two folders or two "
            "arrays."
        )
    of_images: DirectoryIterator | NumpyArrayIterator
    of_masks: _MaskFiles | _MaskArray
    common: dict[str, Any] = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "subset": subset}
    common |= {"data_format": options.data_format, "dtype": options.dtype}
    if isinstance(images, (str, os.PathLike)):
        strict, follows = options.compat == "strict", truth("follow_links", follow_links)
        pictures = _by_stem(Path(images), "images", Listing(follows, _IMAGES, keeps_all=strict))
        partners = _partners(
            pictures, masks, _by_stem(Path(masks), "masks", Listing(follows, _MASKS, False)), mask_suffix
        )
        flat = any(entry.name.lower().endswith(_IMAGES) for entry in Path(images).iterdir() if entry.is_file())
        aspect: dict[str, Any] = {"interpolation": interpolation, "keep_aspect_ratio": keep_aspect_ratio}
        found = ["."] if flat else None
        of_images = DirectoryIterator(
            images, datagen, target_size, color_mode, found, None, follow_links=follow_links, **aspect, **common
        )
        paths = [partners[_stem(name)] for name in of_images.filenames]
        of_masks = _MaskFiles(of_images, paths, mask_mode)
    else:
        stack = _mask_array(masks, images, options.data_format)
        of_images = NumpyArrayIterator((images, [stack]), None, datagen, **common)
        of_masks = _MaskArray(of_images.x_misc[0])
    return MaskedIterator(of_images, of_masks, datagen, mask_cval, mask_rescale, **kwargs)


@final
class MaskedIterator(Iterator):
    """Batches (images, masks) that one draw has moved; see `flow_with_masks`, which makes it, and `Iterator`.

    filepaths, mask_paths: the files in the order of the samples; None for arrays.

    Args:
        images, masks: iterators over the images and over the masks.
        image_data_generator: what augments both.
        mask_cval, mask_rescale, **kwargs: as in `flow_with_masks`.
    """

    reads_files = True
    class_mode = None

    def __init__(
        self,
        images: DirectoryIterator | NumpyArrayIterator,
        masks: _MaskFiles | _MaskArray,
        image_data_generator: Generator,
        mask_cval: float = 0,
        mask_rescale: float | None = None,
        **kwargs: Any,
    ) -> None:
        self._images = images
        self._masks = masks
        self.image_data_generator = image_data_generator
        self.subset = images.subset
        self.dtype = images.dtype
        self.mask_cval = mask_cval
        self.mask_rescale = mask_rescale
        found = images.filepaths if isinstance(images, DirectoryIterator) else None
        self.filepaths: list[str] | None = None if found is None else [os.path.normpath(path) for path in found]
        self.mask_paths: list[str] | None = masks.paths
        compat = image_data_generator.compat
        Iterator.__init__(self, images.n, images.batch_size, images.shuffle, images.seed, compat, **kwargs)

    def _batch(self, index_array: np.ndarray, epoch: int, threads: int) -> Any:
        options = self._options()
        assert options is not None
        kept, pixels = self._images.read(index_array, threads)
        masks = self._masks.read(kept)
        if masks.shape[:2] != pixels.shape[:2]:
            raise ImageError(f"masks: got {masks.shape[:2]} for images of {pixels.shape[:2]}, wanted the same size.")
        samples = self._samples(kept, epoch)
        drawn = draw(options, pixels, samples)
        batch_x, _ = transform(options, pixels, samples._replace(drawn=drawn), threads, self._ring.take, False)
        # Masks move by the parameters of the images, without mixing values.
        outside = rules.cval("mask_cval", self.mask_cval, False)
        of_masks = dataclasses.replace(options, cval=outside, interpolation_order=0)
        batch_y = render(of_masks, masks, _moves(drawn), threads, self._ring.take, until="pictures")
        if self.mask_rescale:
            batch_y *= np.float32(self.mask_rescale)
        return batch_x.astype(self.dtype, copy=False), batch_y.astype(self.dtype, copy=False)


def _moves(drawn: Parameters | None) -> Parameters | None:
    """Without what changes colours."""
    return None if drawn is None else Parameters(*drawn[:8])  # _replace counts the images, as its length says


# --- masks ------------------------------------------------------------------------------------------------------------


@final
class _MaskArray:
    """The rows of an array (n, h, w, k)."""

    paths = None

    def __init__(self, masks: np.ndarray) -> None:
        self._stack = as_stack(masks)

    def read(self, positions: np.ndarray) -> Pixels:
        return Pixels(self._stack, np.asarray(positions, np.int64), 0.0, 255.0)


@final
class _MaskFiles:
    """The partners of the files of an iterator."""

    def __init__(self, images: DirectoryIterator, paths: list[str], mode: str) -> None:
        self._images = images
        self.paths: list[str] | None = paths
        self._mode = mode
        self._fitting: set[int] = set()  # positions whose mask has the size of its image

    def read(self, positions: np.ndarray) -> Pixels:
        masks = [self._one(int(position)) for position in positions]
        return Pixels(as_stack(np.stack(masks)), np.arange(len(masks)), 0.0, 255.0)

    def _one(self, position: int) -> np.ndarray:
        assert self.paths is not None
        path, images = self.paths[position], self._images
        try:
            raw = read_file(path)
        except OSError as error:
            raise DecodeError(f"the mask cannot be read ({error.strerror}).", path) from error
        if self._mode == "values":
            mask = decode_mask(raw, path)[:, :, None]
        else:
            mask = decode(raw, color="rgb" if self._mode == "rgb" else "rgba", path=path)
        if position not in self._fitting:
            self._check_size(mask, path, images.filepaths[position])
            self._fitting.add(position)
        size = parse_target_size(images.target_size)
        return mask if mask.shape[:2] == size else resized(mask, size, "nearest", bool(images.keep_aspect_ratio))

    def _check_size(self, mask: np.ndarray, path: str, image: str) -> None:
        header = sniff(read_file(image))
        turned = header.orientation >= 5 and self._images.compat is None
        wanted = (header.width, header.height) if turned else (header.height, header.width)
        if mask.shape[:2] != wanted:
            got, size = (f"{height} x {width}" for height, width in (mask.shape[:2], wanted))
            raise DecodeError(
                f"the mask is {got}, its image {os.path.normpath(image)} is {size} (height x width), wanted the "
                "same size.",
                path,
            )


def _mask_array(masks: Any, images: Any, data_format: str) -> np.ndarray:
    """Masks as (n, h, w, k)."""
    found = np.asarray(masks)
    if found.dtype.kind not in "buif" or found.ndim not in (3, 4):
        raise ImageTypeError(
            f"masks: got {found.dtype} of shape {found.shape}, wanted numbers (n, h, w) or (n, h, w, k)."
        )
    if len(found) != len(images):
        raise DataError(f"masks: got {len(found)} for {len(images)} images, wanted one for each.")
    if found.ndim == 4 and data_format == "channels_first":
        found = np.moveaxis(found, 1, 3)
    found = found if found.ndim == 4 else found[..., None]
    shape = np.shape(images)
    sides = shape[2:4] if data_format == "channels_first" else shape[1:3]
    if len(shape) == 4 and found.shape[1:3] != tuple(sides):
        raise DataError(f"masks: got shape {found.shape[:3]} for images of {shape}, wanted the same height and width.")
    if found.dtype.kind in "iu" and found.size and max(abs(int(found.min())), abs(int(found.max()))) > 2**24:
        raise DataError("masks: got numbers above 2**24, which float32 does not hold. Number the classes anew.")
    return found.astype(np.uint8) if found.dtype.kind == "b" else found


def _partners(pictures: dict[str, str], masks: Any, partners: dict[str, str], suffix: str) -> dict[str, str]:
    """{image without its ending: the file of its mask}. DataError where one of a pair is missing."""
    wanted = {stem: stem + suffix for stem in pictures}
    alone = [stem for stem, mask in wanted.items() if mask not in partners]
    if alone:
        raise DataError(
            f"images: {len(alone)} of {len(wanted)} have no mask in {masks}, the first is {pictures[alone[0]]}."
            f"{_suffix_hint(wanted[alone[0]], partners)}"
        )
    held = set(wanted.values())
    spare = [stem for stem in partners if stem not in held]
    if spare:
        raise DataError(
            f"masks: {len(spare)} of {len(partners)} have no image, the first is {partners[spare[0]]}. Take them out "
            "of the folder."
        )
    return {stem: partners[mask] for stem, mask in wanted.items()}


def _suffix_hint(missing: str, held: Iterable[str]) -> str:
    longer = next((stem for stem in held if stem.startswith(missing)), None)
    if longer is not None:
        return f" Is it {shown(longer)}? Then pass mask_suffix={shown(longer[len(missing) :])}."
    return did_you_mean(missing, held)


def _by_stem(folder: Path, name: str, listing: Listing) -> dict[str, str]:
    """{name below the folder without its ending: file}."""
    if not folder.is_dir():
        raise DataNotFoundError(f"{name}: {why_missing(str(folder), kind='folder')}")
    found: dict[str, str] = {}
    for file in listing.images(str(folder), ""):
        stem, path = _stem(file), os.path.join(folder, file)  # noqa: PTH118
        if stem in found:
            raise DataError(f"{name}: {found[stem]} and {path} have one name, wanted one file for each.")
        found[stem] = path
    if not found:
        raise DataError(f"{name}: {folder} holds no images.")
    return found


def _stem(name: str) -> str:
    """The name below its folder without the ending, whatever the system."""
    path = PurePath(os.path.normpath(name))
    return path.with_suffix("").as_posix()
