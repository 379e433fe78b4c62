"""zlib streams, unpacked by compiled code: many small ones without Python between them.

It takes what is right in every respect (RFC 1950 and 1951) and refuses all else without saying why: whoever gets a
refusal asks zlib, which has the last word.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types

from augfuse.jit import inlined
from augfuse.simd.unaligned import copy8, unaligned_load

SLACK = 16  # readable bytes that have to lie behind a stream
_DIRECT = 10  # bits of the codes that are looked up at once; of longer ones there are few
_MOST = 15  # bits of a code
_LITERALS, _DISTANCES = 288, 32
_END = 256
# Entries of tables: the bits of the code, four of them, and symbol << 8 | _OTHER; no bits: a longer code, or none. Of
# literals: count << 4 | values << 8 of one or two, the bits of both codes being in the lowest four.
_OTHER = np.uint32(1 << 31)
_B = np.uint64
Int: TypeAlias = int | np.int64  # compiled, they are the same
_ADLER = 65521
_ADLER_RUN = 5552  # bytes whose sums stay below 2**32

# Of the length codes 257..285 and the distance codes 0..29: the smallest value, and how many bits are added to it.
_LENGTHS = np.array(
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258],
    np.int64,
)
_LENGTH_BITS = np.array([0] * 8 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4 + [0], np.uint64)
_AWAY = np.array([1, 2, *(1 + (2 + k % 2 << k // 2 - 1) for k in range(2, 30))], np.int64)
_AWAY_BITS = np.array([0, 0, *(k // 2 - 1 for k in range(2, 30))], np.uint64)
_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.int64)

_load = unaligned_load(types.uint64)


@inlined
def inflated(data: np.ndarray, at: Int, stop: Int, out: np.ndarray, size: Int) -> bool:
    """Whether data[at:stop] is one whole zlib stream, whose `size` bytes are in `out` now.

    data, out: uint8. SLACK bytes behind `stop` may be read, and SLACK behind out[size] be written.
    """
    if stop - at < 6 or data[at] & 15 != 8 or data[at] >> 4 > 7:
        return False
    if (np.int64(data[at]) << 8 | data[at + 1]) % 31 or data[at + 1] & 32:
        return False
    tables = np.empty((2, 1 << _DIRECT), np.uint32)
    counts = np.empty((2, _MOST + 1), np.int64)
    symbols = np.empty((2, _LITERALS), np.uint16)
    lengths = np.empty(_LITERALS + _DISTANCES, np.uint8)
    at += 2
    bits, held, filled, last = _B(0), 0, 0, False
    while not last:
        bits, held, at = _refilled(data, bits, held, at)
        last, kind = bits & _B(1) != 0, (bits >> _B(1)) & _B(3)
        bits, held = bits >> _B(3), held - 3
        if kind == 0:
            start = at - (held >> 3)  # whole bytes that were read ahead are given back
            if start + 4 > stop:
                return False
            count = np.int64(data[start]) | np.int64(data[start + 1]) << 8
            if count != (np.int64(data[start + 2]) | np.int64(data[start + 3]) << 8) ^ 0xFFFF:
                return False
            start += 4
            if start + count > stop or filled + count > size:
                return False
            for k in range(count):
                out[filled + k] = data[start + k]
            filled += count
            at, bits, held = start + count, _B(0), 0
            continue
        if kind == 1:
            for k in range(_LITERALS):
                lengths[k] = 8 if k < 144 else 9 if k < 256 else 7 if k < 280 else 8
            lengths[_LITERALS:] = 5
            literals, distances = _LITERALS, _DISTANCES
        elif kind == 2:
            literals, distances = np.int64(bits & _B(31)) + 257, np.int64((bits >> _B(5)) & _B(31)) + 1
            bits, held, at = _lengths(data, bits, held, at, stop, literals, distances, tables, counts, symbols, lengths)
            if at < 0 or literals > 286 or distances > 30 or lengths[_END] == 0:
                return False
        else:
            return False
        for k in range(2):
            first, count, single = (literals, distances, 0) if k else (0, literals, _END)
            if not _build(lengths, first, count, single, tables[k], counts[k], symbols[k]):
                return False
        bits, held, at, filled = _block(data, bits, held, at, stop, tables, counts, symbols, out, filled, size)
        if filled < 0:
            return False
    at -= held >> 3
    if filled != size or at + 4 != stop:
        return False
    return _adler(out, size) == word(data, at)


@inlined
def word(data: np.ndarray, at: Int) -> np.int64:
    """Four bytes as a number, the high one first."""
    return (
        np.int64(data[at]) << 24 | np.int64(data[at + 1]) << 16 | np.int64(data[at + 2]) << 8 | np.int64(data[at + 3])
    )


@inlined
def _refilled(data: np.ndarray, bits: np.uint64, held: Int, at: Int) -> tuple[np.uint64, Int, Int]:
    """At least 56 bits. What lies behind the stream may be among them: `at` tells how many bytes were taken."""
    bits |= _load(data, at) << _B(held)
    at += (63 - held) >> 3
    return bits, held | 56, at


@inlined
def _lengths(
    data: np.ndarray, bits: np.uint64, held: Int, at: Int, stop: Int, literals: Int, distances: Int, tables: np.ndarray,
    counts: np.ndarray, symbols: np.ndarray, lengths: np.ndarray,
) -> tuple[np.uint64, Int, Int]:  # fmt: skip
    """The lengths of the codes of a block; `at` is -1 where they are not right."""
    count = np.int64((bits >> _B(10)) & _B(15)) + 4
    bits, held = bits >> _B(14), held - 14
    lengths[:19] = 0
    for k in range(count):
        if k % 8 == 0:
            bits, held, at = _refilled(data, bits, held, at)
        lengths[_ORDER[k]] = bits & _B(7)
        bits, held = bits >> _B(3), held - 3
    if not _build(lengths, 0, 19, 0, tables[0], counts[0], symbols[0]):
        return bits, held, -1
    total, k = literals + distances, 0
    while k < total:
        if at > stop + 8:
            return bits, held, -1
        bits, held, at = _refilled(data, bits, held, at)
        entry = np.int64(tables[0, np.int64(bits & _B((1 << _DIRECT) - 1))])
        size, symbol = entry & 15, entry >> 8 & 511
        if size == 0:
            return bits, held, -1
        bits, held = bits >> _B(size), held - size
        if symbol < 16:
            lengths[k] = symbol
            k += 1
            continue
        value, repeat, more = 0, 3, 2
        if symbol == 16:
            if k == 0:
                return bits, held, -1
            value = np.int64(lengths[k - 1])
        elif symbol == 17:
            more = 3
        else:
            repeat, more = 11, 7
        repeat += np.int64(bits & _B((1 << more) - 1))
        bits, held = bits >> _B(more), held - more
        if k + repeat > total:
            return bits, held, -1
        for j in range(repeat):
            lengths[k + j] = value
        k += repeat
    return bits, held, at


@inlined
def _build(
    lengths: np.ndarray, first: Int, count: Int, literals: Int, table: np.ndarray, counts: np.ndarray,
    symbols: np.ndarray,
) -> bool:  # fmt: skip
    """Whether these lengths make a code that zlib takes. table: what the next _DIRECT bits mean; counts, symbols: of
    each length, for codes that are longer. literals: how many of the first symbols are such."""
    counts[:] = 0
    for k in range(count):
        counts[lengths[first + k]] += 1
    places = np.empty(_MOST + 2, np.int64)
    codes = np.empty(_MOST + 2, np.int64)
    places[1], codes[1] = 0, 0
    left, most = 1, 0
    for size in range(1, _MOST + 1):
        left = left * 2 - counts[size]
        if left < 0:
            return False
        if counts[size]:
            most = size
        places[size + 1] = places[size] + counts[size]
        codes[size + 1] = (codes[size] + counts[size]) << 1
    if left > 0 and most > 1:  # one code of one bit is right, and so is none
        return False
    table[:] = _OTHER
    for k in range(count):
        size = np.int64(lengths[first + k])
        if size == 0:
            continue
        symbols[places[size]] = k
        places[size] += 1
        code = codes[size]
        codes[size] += 1
        if size > _DIRECT:
            continue
        turned = _turned(code) >> (16 - size)
        entry = np.uint32(k << 8 | 16 | size) if k < literals else _OTHER | np.uint32(k << 8 | size)
        for place in range(turned, 1 << _DIRECT, 1 << size):
            table[place] = entry
    if literals:
        for place in range((1 << _DIRECT) - 1, -1, -1):  # what is looked at next is smaller, or itself
            _paired(table, place)
    return True


@inlined
def _turned(code: Int) -> Int:
    """Its 16 bits the other way round."""
    code = (code & 0x5555) << 1 | code >> 1 & 0x5555
    code = (code & 0x3333) << 2 | code >> 2 & 0x3333
    code = (code & 0x0F0F) << 4 | code >> 4 & 0x0F0F
    return (code & 0xFF) << 8 | code >> 8


@inlined
def _paired(table: np.ndarray, place: Int) -> None:
    """Two literals in one entry, where the second code lies within the bits that are looked up."""
    entry = table[place]
    size = entry & np.uint32(15)
    behind = table[place >> np.int64(size)]
    both = size + (behind & np.uint32(15))
    is_pair = (entry < _OTHER) & (behind < _OTHER) & (both <= _DIRECT)
    pair = entry & np.uint32(0xFF00) | (behind & np.uint32(0xFF00)) << np.uint32(8) | np.uint32(32) | both
    table[place] = pair if is_pair else entry  # a branch here is taken at random


@inlined
def _long(bits: np.uint64, counts: np.ndarray, symbols: np.ndarray) -> tuple[Int, Int]:
    """(symbol, its bits) of a code that is not in the table; 0 bits if it is not a code."""
    code = first = place = 0
    for size in range(1, _MOST + 1):
        code |= np.int64(bits & _B(1))
        bits >>= _B(1)
        count = counts[size]
        if code - first < count:
            return np.int64(symbols[place + code - first]), size
        place += count
        first = (first + count) << 1
        code <<= 1
    return 0, 0


@inlined
def _block(
    data: np.ndarray, bits: np.uint64, held: Int, at: Int, stop: Int, tables: np.ndarray, counts: np.ndarray,
    symbols: np.ndarray, out: np.ndarray, filled: Int, size: Int,
) -> tuple[np.uint64, Int, Int, Int]:  # fmt: skip
    """Everything up to the end of a block; `filled` is -1 where something is not right."""
    direct, away, mask = tables[0], tables[1], _B((1 << _DIRECT) - 1)
    while True:
        if at > stop + 8 or filled > size:  # read ahead by at most 8 bytes
            return bits, held, at, -1
        bits, held, at = _refilled(data, bits, held, at)
        entry = _B(direct[bits & mask])
        left = held
        for _ in range(4):  # of at most _DIRECT bits each: one more code fits in behind them
            if entry >= _B(_OTHER):
                break
            out[_B(filled)] = entry >> _B(8) & _B(255)
            out[_B(filled + 1)] = entry >> _B(16) & _B(255)
            filled += np.int64(entry >> _B(4) & _B(3))
            bits >>= entry & _B(15)
            left -= np.int64(entry & _B(15))
            entry = _B(direct[bits & mask])
        held = left
        if entry < _B(_OTHER):
            continue
        symbol, used = np.int64(entry >> _B(8) & _B(511)), np.int64(entry & _B(15))
        if used == 0:
            symbol, used = _long(bits, counts[0], symbols[0])
            if used == 0:
                return bits, held, at, -1
        bits, held = bits >> _B(used), held - used
        if symbol < _END:
            out[_B(filled)] = symbol
            filled += 1
            continue
        if symbol == _END:
            return bits, held, at, filled if filled <= size else -1
        if symbol > 285:
            return bits, held, at, -1
        more = _LENGTH_BITS[symbol - 257]
        length = _LENGTHS[symbol - 257] + np.int64(bits & ((_B(1) << more) - _B(1)))
        bits, held = bits >> more, held - np.int64(more)
        bits, held, at = _refilled(data, bits, held, at)
        entry = _B(away[bits & mask])
        symbol, used = np.int64(entry >> _B(8) & _B(511)), np.int64(entry & _B(15))
        if used == 0:
            symbol, used = _long(bits, counts[1], symbols[1])
        if used == 0 or symbol > 29:
            return bits, held, at, -1
        bits, held = bits >> _B(used), held - used
        more = _AWAY_BITS[symbol]
        back = _AWAY[symbol] + np.int64(bits & ((_B(1) << more) - _B(1)))
        bits, held = bits >> more, held - np.int64(more)
        if back > filled or filled + length > size:
            return bits, held, at, -1
        if back >= 8:
            for k in range(filled, filled + length, 8):
                copy8(out, k - back, out, k)
        else:
            for k in range(filled, filled + length):
                out[_B(k)] = out[_B(k - back)]
        filled += length


@inlined
def _adler(out: np.ndarray, size: Int) -> Int:
    """Adler-32 of the first `size` bytes."""
    one, other = np.uint64(1), np.uint64(0)
    for start in range(0, size, _ADLER_RUN):
        count = min(_ADLER_RUN, size - start)
        plain, weighed = np.uint32(0), np.uint32(0)
        for k in range(count):
            value = np.uint32(out[start + k])
            plain += value
            weighed += value * np.uint32(count - k)
        other = (other + one * np.uint64(count) + np.uint64(weighed)) % np.uint64(_ADLER)
        one = (one + np.uint64(plain)) % np.uint64(_ADLER)
    return np.int64(other << np.uint64(16) | one)


@inlined
def crc32(tables: np.ndarray, data: np.ndarray, at: Int, stop: Int) -> Int:
    """CRC-32 of data[at:stop]. tables: `CRC_TABLES`."""
    crc = np.uint64(0xFFFFFFFF)
    while stop - at >= 8:
        word = _load(data, at) ^ crc
        crc = _B(0)
        for k in range(8):
            crc ^= np.uint64(tables[7 - k, np.int64((word >> _B(8 * k)) & _B(255))])
        at += 8
    for k in range(at, stop):
        crc = crc >> _B(8) ^ np.uint64(tables[0, np.int64((crc ^ np.uint64(data[k])) & _B(255))])
    return np.int64(crc ^ _B(0xFFFFFFFF))


def _crc_tables() -> np.ndarray:
    tables = np.empty((8, 256), np.uint32)
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = crc >> 1 ^ 0xEDB88320 * (crc & 1)
        tables[0, value] = crc
    for k in range(1, 8):
        tables[k] = tables[k - 1] >> np.uint32(8) ^ tables[0, tables[k - 1] & 255]
    return tables


CRC_TABLES = _crc_tables()
