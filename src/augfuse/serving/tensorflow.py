"""TensorFlow: encoded bytes to pixels as `augfuse.decode` makes them, and SavedModels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from augfuse.frameworks import KerasModel

_HEAD = 2**18  # bytes in which the orientation of a JPEG is looked for
_ORIENTATION, _SHORT, _LONG = 0x112, 3, 4
_LUMA = (9798, 19235, 3735)  # OpenCV's, of 2**15


def write_saved_model(model: KerasModel, written: Any, network: KerasModel, channels: int, path: Path) -> None:
    """A SavedModel of two signatures. model: of raw uint8 images (n, h, w, c); written: what it makes of them for
    `network`, as a model."""
    shape = tuple(written.input_shape)

    def of_images(image: Any) -> dict[str, Any]:
        return named(model(image, training=False))

    def pixels(raw: Any) -> Any:
        return written(tf.ensure_shape(decoded(raw, channels)[None], shape), training=False)[0]

    def of_bytes(image_bytes: Any) -> dict[str, Any]:
        form = tf.TensorSpec(written.output_shape[1:], tf.float32)
        return named(network(tf.map_fn(pixels, image_bytes, fn_output_signature=form), training=False))

    held = tf.Module()
    held.model, held.written, held.network = model, written, network  # type: ignore[attr-defined]  # their variables
    images, texts = tf.TensorSpec(shape, tf.uint8, name="image"), tf.TensorSpec((None,), tf.string, name="image_bytes")
    held.images = tf.function(of_images, input_signature=[images])  # type: ignore[attr-defined]
    held.bytes = tf.function(of_bytes, input_signature=[texts])  # type: ignore[attr-defined]
    signatures = {"serving_default": held.bytes, "images": held.images}  # type: ignore[attr-defined]
    tf.saved_model.save(held, str(path), signatures=signatures)


def read_saved_model(path: Path) -> tuple[Callable[[Any], Any], Callable[[list[bytes]], Any]]:
    """What a SavedModel says of images, and of encoded ones."""
    found: Any = tf.saved_model.load(str(path))

    def plain(outputs: Any) -> Any:
        return {name: value.numpy() for name, value in outputs.items()}

    return (
        lambda images: plain(found.signatures["images"](image=tf.constant(images))),
        lambda raw: plain(found.signatures["serving_default"](image_bytes=tf.constant(raw))),
    )


def named(outputs: Any) -> dict[str, Any]:
    """The outputs of a model by name, as a signature wants them."""
    if isinstance(outputs, dict):
        return outputs
    if isinstance(outputs, (list, tuple)):
        return {f"output_{number}": value for number, value in enumerate(outputs)}
    return {"output": outputs}


def decoded(raw: Any, channels: int) -> Any:
    """uint8 (h, w, channels) of an encoded image, upright. JPEG by the slow and exact way, which `tf.io.decode_image`
    does not take."""
    jpeg = tf.equal(tf.strings.substr(raw, 0, 3), b"\xff\xd8\xff")
    if channels == 4:
        found = tf.cond(
            jpeg,
            lambda: tf.pad(_jpeg(raw), [[0, 0], [0, 0], [0, 1]], constant_values=255),
            lambda: tf.io.decode_image(raw, channels=4, expand_animations=False),
        )
    else:
        found = tf.cond(jpeg, lambda: _jpeg(raw), lambda: tf.io.decode_image(raw, channels=3, expand_animations=False))
    if channels == 1:
        weighted = tf.reduce_sum(tf.cast(found, tf.int32) * tf.constant(_LUMA), axis=2, keepdims=True)
        found = tf.cast(tf.bitwise.right_shift(weighted + 2**14, 15), tf.uint8)
    turned = tf.cond(jpeg, lambda: orientation(raw), lambda: tf.constant(1))
    return tf.ensure_shape(_upright(found, turned), (None, None, channels))


def _jpeg(raw: Any) -> Any:
    return tf.io.decode_jpeg(raw, channels=3, dct_method="INTEGER_ACCURATE")


def _upright(image: Any, orientation: Any) -> Any:
    def one_of(*numbers: int) -> Any:
        return tf.reduce_any(tf.equal(orientation, tf.constant(numbers)))

    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    image = tf.cond(one_of(3, 4, 7, 8), lambda: tf.reverse(image, [0]), lambda: image)
    return tf.cond(one_of(2, 3, 6, 7), lambda: tf.reverse(image, [1]), lambda: image)


def orientation(raw: Any) -> Any:
    """EXIF orientation 1..8 of the bytes of a JPEG; 1 where they say nothing."""
    head = tf.io.decode_raw(tf.strings.join([tf.strings.substr(raw, 0, _HEAD), b"\0" * 16]), tf.uint8)
    data = tf.cast(head, tf.int32)
    end = tf.size(data) - 16

    def byte(at: Any) -> Any:
        return tf.gather(data, tf.clip_by_value(at, 0, end + 15))

    def is_segment(at: Any, found: Any) -> Any:
        marker = byte(at + 1)
        return (found < 0) & (at < end) & (byte(at) == 255) & (marker != 0xDA) & (marker != 0xD9)

    def following(at: Any, found: Any) -> tuple[Any, Any]:
        name = byte(at + tf.range(4, 10))
        is_exif = (byte(at + 1) == 0xE1) & tf.reduce_all(name == tf.constant(list(b"Exif\0\0")))
        length = 2 + 256 * byte(at + 2) + byte(at + 3)
        filled = byte(at + 1) == 255  # a marker may stand behind any number of these
        return at + tf.where(filled, 1, length), tf.where(is_exif, at + 10, found)

    _, tiff = tf.while_loop(is_segment, following, (tf.constant(2), tf.constant(-1)))
    little = byte(tiff) == 0x49

    def word(at: Any) -> Any:
        return tf.where(little, byte(at) + 256 * byte(at + 1), 256 * byte(at) + byte(at + 1))

    def long(at: Any) -> Any:
        first, second = word(at), word(at + 2)
        return tf.where(little, first + 65536 * second, 65536 * first + second)

    directory = tiff + tf.clip_by_value(long(tiff + 4), 0, _HEAD)
    entries = directory + 2 + 12 * tf.range(tf.minimum(word(directory), 1000))
    kind = word(entries + 2)
    values = tf.where(kind == _LONG, tf.where(little, word(entries + 8), word(entries + 10)), word(entries + 8))
    meant = (word(entries) == _ORIENTATION) & ((kind == _SHORT) | (kind == _LONG)) & (entries + 12 <= end)
    value = tf.reduce_max(tf.where(meant, values, 0))
    return tf.where((tiff >= 0) & (value >= 1) & (value <= 8), value, 1)
