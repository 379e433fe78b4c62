"""Hostile zip archives: an error of the AugfuseError tree or the pictures, and nothing unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import augfuse as af
from trial import png, tried


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


GOOD = {f"{c}/{i}.png": png(seed=i) for c in ("cat", "dog") for i in range(3)}


def hostile_archives() -> dict[str, bytes]:
    good = archive(GOOD)
    end = good.rindex(b"PK\x05\x06")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in GOOD.items():
            file.writestr(name, data)
        with file.open("cat/bomb.png", "w") as member:
            for _ in range(300):
                member.write(bytes(2**20))
    return {
        "empty": b"",
        "no zip": b"hello" * 100,
        "cut": good[: len(good) // 2],
        "no end": good[:end],
        "tail": good + b"x" * 70_000,
        "head": b"MZ" + bytes(500) + good,
        "twice": archive(GOOD)[:end] + good[end:],
        "climbs": archive({**GOOD, "../../escape.png": png()}),
        "absolute": archive({**GOOD, "/etc/cat/1.png": png()}),
        "backslashes": archive({"cat\\1.png": png(), "dog\\1.png": png()}),
        "drive": archive({**GOOD, "C:/cat/1.png": png()}),
        "hidden": archive({**GOOD, "__MACOSX/cat/._1.png": b"x", ".git/1.png": png(), "cat/.DS_Store": b"x"}),
        "no pictures": archive({"cat/a.txt": b"x"}),
        "no classes": archive({"1.png": png()}),
        "deep": archive({"a/" * 200 + "1.png": png()}),
        "bomb": bomb.getvalue(),
        "control": archive({**GOOD, "cat/\x1b[31m.png": png()}),
        "long": archive({**GOOD, f"cat/{'x' * 60_000}.png": png()}),
        "wrong crc": good.replace(GOOD["cat/1.png"][-30:-20], b"0123456789", 1),
        "bzip": archive(GOOD, zipfile.ZIP_BZIP2),
        "lzma": archive(GOOD, zipfile.ZIP_LZMA),
        "many": archive({f"cat/{i}.txt": b"" for i in range(20_000)}),
        "huge offset": good[: end + 16] + struct.pack("<I", 2**32 - 2) + good[end + 20 :],
        "huge count": good[: end + 8] + struct.pack("<HH", 65_000, 65_000) + good[end + 12 :],
        "folder as file": archive({**GOOD, "cat": b"x"}),
        "same name": archive(GOOD),
        "broken pictures": archive({name: data[:40] for name, data in GOOD.items()}),
        "names of bytes": archive({**GOOD, "cat/caf\xe9.png": png()}).replace("caf\xe9".encode(), b"caf\xe9\xe9"),
    }


def read_all(path: Path) -> int:
    data = af.from_zip(path)
    return sum(len(batch) for batch in af.Loader(data, training=False, batch_size=2, workers=0, dtype=None))


def test_archives(tmp_path: Path, share: Callable[[int], int], chance: np.random.Generator) -> None:
    path = tmp_path / "inside" / "data.zip"
    path.parent.mkdir()
    read_all(_written(path, archive(GOOD)))
    for raw in hostile_archives().values():
        tried(lambda raw=raw: read_all(_written(path, raw)))
    good = bytearray(archive(GOOD, zipfile.ZIP_DEFLATED))
    for _ in range(share(3000)):
        raw = bytearray(good)
        for _ in range(int(chance.integers(1, 6))):
            raw[int(chance.integers(len(raw)))] = int(chance.integers(256))
        tried(lambda raw=raw: read_all(_written(path, bytes(raw[: int(chance.integers(1, len(raw) + 1))]))))
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["data.zip", "inside"], "nothing is unpacked"


def _written(path: Path, raw: bytes) -> Path:
    path.write_bytes(raw)
    return path
