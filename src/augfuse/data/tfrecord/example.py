"""`tf.train.Example` as bytes: what protocol buffers make of a table from names to lists of bytes, floats or integers.

    message Example  { Features features = 1; }
    message Features { map<string, Feature> feature = 1; }       // entries: string key = 1; Feature value = 2
    message Feature  { oneof kind { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; } }
    message BytesList { repeated bytes value = 1; }               // FloatList: float, Int64List: int64, both packed

Source: TensorFlow, tensorflow/core/example/{example,feature}.proto, and the encoding of protocol buffers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from augfuse.errors import DataError
from augfuse.text import shown

# Several values, an array being of float32 or int64; or one.
Value: TypeAlias = Sequence[bytes] | np.ndarray | bytes | int

_SHORT = 64  # bytes of what is kept
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3


class Span(NamedTuple):
    """A field of a message whose bytes lie at start..stop."""

    number: int
    start: int
    stop: int


class Feature(NamedTuple):
    """A feature that is not read yet: its kind (1 bytes, 2 floats, 3 integers, 0 none), and where its list lies."""

    name: str
    kind: int
    start: int
    stop: int


def features(raw: memoryview) -> dict[str, Feature]:
    """The features of an Example by name; no value is read. Raises DataError where it is not an Example."""
    found: dict[str, Feature] = {}
    for outer in _fields(raw, 0, len(raw), 1):
        for entry in _fields(raw, outer.start, outer.stop, 1):
            name, kind, start, stop = "", 0, 0, 0
            for part in _fields(raw, entry.start, entry.stop):
                if part.number == 1:
                    name = _text(raw, part)
                elif part.number == 2:
                    for held in _fields(raw, part.start, part.stop):
                        kind, start, stop = held
            found[name] = Feature(name, kind, start, stop)
    return found


def blobs(raw: memoryview, feature: Feature) -> list[Span]:
    """Where the values of a list of bytes lie."""
    if feature.kind != _BYTES_LIST:
        raise _of_another_kind(feature, "bytes")
    return list(_fields(raw, feature.start, feature.stop, 1))


def numbers(raw: memoryview, feature: Feature) -> np.ndarray:
    """The values of a list of integers, int64, or of floats, float32."""
    if feature.kind == _INT64_LIST:
        return np.array(list(_integers(raw, feature)), np.uint64).astype(np.int64)
    if feature.kind != _FLOAT_LIST:
        raise _of_another_kind(feature, "numbers")
    pieces: list[np.ndarray] = []
    for wire, _, start, stop in _items(raw, feature.start, feature.stop, 1):
        if wire not in (_FIXED32, _BYTES) or (stop - start) % 4:
            raise DataError(f"has a list of floats, {shown(feature.name)}, with bytes of another form")
        pieces.append(np.frombuffer(raw[start:stop], "<f4"))
    return np.concatenate(pieces).astype(np.float32) if pieces else np.empty(0, np.float32)


def encode(values: Mapping[str, Value]) -> bytes:
    """An Example of these features, in the order of their names, so that equal features are equal bytes."""
    pieces: list[bytes] = []
    size = 0
    for name in sorted(values):
        value = values[name]
        if isinstance(value, int) or (isinstance(value, bytes) and len(value) < _SHORT):
            found = _known(name, value)
        else:
            found = _entry(name, _list(value))
        pieces += found
        size += sum(map(len, found))
    return b"".join((_KEYS[1], _varint(size), *pieces))


# Sizes, channels, formats and classes are the same in most messages.
@lru_cache(maxsize=4096)
def _known(name: str, value: bytes | int) -> tuple[bytes, ...]:
    return (b"".join(_entry(name, _list(value))),)


def _entry(name: str, pieces: list[bytes]) -> list[bytes]:
    """The entry of a feature. pieces: of its list, which may be long, and is not copied."""
    key, size = _name(name), sum(map(len, pieces))
    length = _varint(size)
    return [_KEYS[1], _varint(len(key) + 1 + len(length) + size), key, _KEYS[2], length, *pieces]


@lru_cache(maxsize=256)
def _name(name: str) -> bytes:
    return b"".join(_message(1, [name.encode("utf-8")]))


def _of_another_kind(feature: Feature, wanted: str) -> DataError:
    return DataError(f"has {_KINDS.get(feature.kind, 'nothing')} in the feature {shown(feature.name)}, wanted {wanted}")


_KINDS = {_BYTES_LIST: "bytes", _FLOAT_LIST: "floats", _INT64_LIST: "integers"}


def _list(value: Value) -> list[bytes]:
    if isinstance(value, bytes):
        return _message(_BYTES_LIST, _message(1, [value]))
    if isinstance(value, int):
        return _message(_INT64_LIST, _message(1, [_varint(value & 0xFFFFFFFFFFFFFFFF)]))
    if not isinstance(value, np.ndarray):
        return _message(_BYTES_LIST, [piece for item in value for piece in _message(1, [item])])
    if value.dtype.kind == "f":
        packed, kind = value.astype("<f4").tobytes(), _FLOAT_LIST
    else:
        packed, kind = b"".join([_varint(item & 0xFFFFFFFFFFFFFFFF) for item in value.tolist()]), _INT64_LIST
    return _message(kind, _message(1, [packed]) if packed else [])


def _message(number: int, pieces: list[bytes]) -> list[bytes]:
    return [_KEYS[number], _varint(sum(map(len, pieces))), *pieces]


_KEYS = {number: bytes([number << 3 | _BYTES]) for number in (1, 2, 3)}
_SMALL = [bytes([value]) for value in range(128)]


def _varint(value: int) -> bytes:
    if value < 128:
        return _SMALL[value]
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _read_varint(raw: memoryview, at: int, stop: int) -> tuple[int, int]:
    """(value, where the next thing begins)."""
    value = shift = 0
    while at < stop and shift < 64:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise DataError("is not a tf.train.Example: it ends within a number")


def _items(raw: memoryview, at: int, stop: int, wanted: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """(wire type, number, start, stop) of each field of a message, or of those whose number is `wanted`."""
    while at < stop:
        key, at = _read_varint(raw, at, stop)
        wire, start = key & 7, at
        if wire == _VARINT:
            _, end = _read_varint(raw, at, stop)
        elif wire == _FIXED64:
            end = at + 8
        elif wire == _FIXED32:
            end = at + 4
        elif wire == _BYTES:
            size, start = _read_varint(raw, at, stop)
            end = start + size
        else:
            raise DataError(f"is not a tf.train.Example: a field of type {wire}")
        if end > stop:
            raise DataError("is not a tf.train.Example: a field is longer than the message")
        if wanted in (None, key >> 3):
            yield wire, key >> 3, start, end
        at = end


def _fields(raw: memoryview, start: int, stop: int, wanted: int | None = None) -> Iterator[Span]:
    """The fields that hold bytes."""
    for wire, number, begin, end in _items(raw, start, stop, wanted):
        if wire == _BYTES:
            yield Span(number, begin, end)


def _integers(raw: memoryview, feature: Feature) -> Iterator[int]:
    """As unsigned, packed or one by one."""
    for wire, _, start, stop in _items(raw, feature.start, feature.stop, 1):
        if wire not in (_VARINT, _BYTES):
            raise DataError(f"has a list of integers, {shown(feature.name)}, with bytes of another form")
        at = start
        while at < stop:
            value, at = _read_varint(raw, at, stop)
            yield value


def _text(raw: memoryview, span: Span) -> str:
    try:
        return bytes(raw[span.start : span.stop]).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError("is not a tf.train.Example: the name of a feature is not UTF-8") from None
