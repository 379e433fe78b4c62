"""Where the entropy-coded data of one JPEG scan really ends: every block of it decoded, nothing kept.

Real cameras and programs leave bytes between the last block and the next marker. libjpeg warns of them in the same
breath as of missing blocks; the two can be told apart by decoding, and this does it where a warning has been given.
"""

from __future__ import annotations

import numpy as np

from augfuse.jit import inlined, jit

# Kinds of scan.
SEQUENTIAL, DC_FIRST, DC_REFINE, AC_FIRST, AC_REFINE = range(5)
_CUT, _BAD = -1, -2


def lookup(counts: bytes, symbols: bytes) -> np.ndarray:
    """A Huffman table as the standard decodes it: (51 + 256,) int32, for each length the smallest code, the largest
    (-1: none) and the place of its first symbol, then the symbols."""
    table = np.full(3 * 17 + 256, -1, np.int32)
    code = first = 0
    for length in range(1, 17):
        count = counts[length - 1]
        if count:
            table[length], table[17 + length], table[34 + length] = code, code + count - 1, first
        code, first = (code + count) << 1, first + count
    table[51 : 51 + len(symbols)] = np.frombuffer(symbols, np.uint8)
    return table


@jit
def walk_scan(
    data: np.ndarray, position: int, plan: np.ndarray, tables: np.ndarray, mcus: int, restart: int, kind: int,
    first: int, last: int, history: np.ndarray, ends: np.ndarray,
) -> tuple[int, bool]:  # fmt: skip
    """(position behind the scan, whether all of its MCUs are there).

    data: (n,) uint8, the file. position: of the first entropy-coded byte. plan: (blocks of one MCU, 2) DC and AC rows
    of `tables`. restart: MCUs between restart markers, 0 for none. first, last: the band of coefficients.
    history: (blocks, 64) uint8, which coefficients earlier scans made nonzero; for AC_FIRST and AC_REFINE.
    ends: (k, 2) int64, filled with the first and the last position, exclusive, of the data between restarts.
    """
    state = np.array([position, 0, 0], np.int64)  # position, the byte that is in use, its bits that are left
    size = data.shape[0]
    start, interval, run = position, 0, 0
    for mcu in range(mcus):
        if restart > 0 and mcu > 0 and mcu % restart == 0:
            here = state[0]
            ends[interval, 0], ends[interval, 1] = start, here
            if not _is_padded(state):
                return here, False
            while here + 1 < size and (data[here] != 0xFF or data[here + 1] == 0 or data[here + 1] == 0xFF):
                here += 1
            if here + 1 >= size or data[here + 1] != 0xD0 + interval % 8:
                return here, False
            start = here + 2
            state[0], state[2], run = start, 0, 0
            interval += 1
        if kind >= AC_FIRST:
            run = _band(data, state, tables, plan[0, 1], kind, first, last, run, history[mcu])
            if run < 0:
                return state[0], False
            continue
        for block in range(plan.shape[0]):
            if kind == DC_REFINE:
                if _bits(data, state, 1) < 0:
                    return state[0], False
                continue
            size_of_dc = _symbol(data, state, tables[plan[block, 0]])
            if size_of_dc < 0 or size_of_dc > 16 or _bits(data, state, size_of_dc) < 0:
                return state[0], False
            k = 1 if kind == SEQUENTIAL else 64
            while k < 64:
                symbol = _symbol(data, state, tables[plan[block, 1]])
                if symbol < 0 or _bits(data, state, symbol & 15) < 0:
                    return state[0], False
                if symbol & 15 == 0 and symbol < 0xF0:
                    break
                k += (symbol >> 4) + 1
    ends[interval, 0], ends[interval, 1] = start, state[0]
    return state[0], _is_padded(state)


@inlined
def _is_padded(state: np.ndarray) -> bool:
    """Whether the bits behind the last block are all ones or all zeros: coders fill a byte up so. Other bits are the
    rest of a code that begins in the wrong place."""
    rest = state[1] & ((1 << state[2]) - 1)
    return rest == 0 or rest == (1 << state[2]) - 1


@inlined
def _band(
    data: np.ndarray, state: np.ndarray, tables: np.ndarray, row: int, kind: int, k: int, last: int, run: int,
    history: np.ndarray,
) -> int:  # fmt: skip
    """One block of a progressive scan of AC coefficients: how many further blocks have no new ones, or _CUT, _BAD."""
    while run == 0 and k <= last:
        symbol = _symbol(data, state, tables[row])
        if symbol < 0:
            return symbol
        zeros, length = symbol >> 4, symbol & 15
        if length == 0 and zeros < 15:
            more = _bits(data, state, zeros)
            if more < 0:
                return more
            run = (1 << zeros) + more
            break
        if kind == AC_REFINE and length > 1:
            return _BAD
        if _bits(data, state, length) < 0:
            return _CUT
        if kind == AC_FIRST:
            k += zeros
        else:  # past that many coefficients without history; those with history have a bit each
            while k <= last:
                if history[k] == 1:
                    if _bits(data, state, 1) < 0:
                        return _CUT
                elif zeros == 0:
                    break
                else:
                    zeros -= 1
                k += 1
        if length > 0 and k <= last:
            history[k] = 1
        k += 1
    if run == 0:
        return 0
    while kind == AC_REFINE and k <= last:
        if history[k] == 1 and _bits(data, state, 1) < 0:
            return _CUT
        k += 1
    return run - 1


@inlined
def _symbol(data: np.ndarray, state: np.ndarray, table: np.ndarray) -> int:
    code = 0
    for length in range(1, 17):
        bit = _bits(data, state, 1)
        if bit < 0:
            return _CUT
        code = code << 1 | bit
        if code <= table[17 + length]:
            return table[51 + int(table[34 + length]) + code - int(table[length])]
    return _BAD


@inlined
def _bits(data: np.ndarray, state: np.ndarray, count: int) -> int:
    """The next bits as a number, or _CUT where a marker or the end of the file comes first."""
    value = 0
    for _ in range(count):
        if state[2] == 0:
            here = state[0]
            if here >= data.shape[0]:
                return _CUT
            state[1], state[2] = data[here], 8
            state[0] += 1
            if data[here] == 0xFF:
                if here + 1 >= data.shape[0] or data[here + 1] != 0:
                    state[0], state[2] = here, 0
                    return _CUT
                state[0] += 1
        state[2] -= 1
        value = value << 1 | (state[1] >> state[2] & 1)
    return value
