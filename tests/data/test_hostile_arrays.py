"""Array files that claim, hold or hide anything: a DataError through every door, before memory is taken for a claim."""

from __future__ import annotations

import gzip
import io
import resource
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.cli import main
from augfuse.data.sources.idx import read_idx
from augfuse.doctor import examine
from augfuse.experiment.setup.train_and_test import load_parts

LABELS = np.arange(12) % 2


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """Whatever a file claims, these tests take less than 1.5 GB more of address space."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (3 << 29), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header(text: str, data: bytes = b"", version: int = 1) -> bytes:
    """An .npy file with this header, whatever it says."""
    raw = text.encode("latin1") + b"\n"
    length = struct.pack("<H", len(raw)) if version == 1 else struct.pack("<I", len(raw))
    return b"\x93NUMPY" + bytes([version, 0]) + length + raw + data


def says(shape: str, descr: str = "'|u1'", order: str = "False") -> bytes:
    return header(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}", bytes(100))


def archive(path: Path, compression: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def flags(path: Path, name: bytes, change: Callable[[bytearray, int], None]) -> Path:
    """The archive with changed entries of one member in its list."""
    raw = bytearray(path.read_bytes())
    entry = raw.rindex(b"PK\x01\x02", 0, raw.rindex(name))
    change(raw, entry)
    path.write_bytes(raw)
    return path


def encrypted(raw: bytearray, entry: int) -> None:
    raw[entry + 8] |= 1


def claims_size(raw: bytearray, entry: int) -> None:
    struct.pack_into("<I", raw, entry + 24, 4_000_000_000)


def unknown_method(raw: bytearray, entry: int) -> None:
    struct.pack_into("<H", raw, entry + 10, 77)


IMAGES = {
    "40 GB": says("(40000000000,)"),
    "40 GB of images": says("(13000000, 32, 32, 3)"),
    "40 GB of floats": says("(50000, 100, 100, 10)", "'<f8'"),
    "more than 2**64 bytes": says("(9223372036854775807, 9223372036854775807)"),
    "a negative shape": says("(-1, 8, 8, 3)"),
    "a shape of floats": says("(12.0, 8, 8, 3)"),
    "a shape of texts": says("('a',)"),
    "no shape": header("{'descr': '|u1', 'fortran_order': False}"),
    "70 dimensions": says(f"({'1, ' * 70})"),
    "objects": says("(12,)", "'|O'"),
    "a dtype that does not exist": says("(12,)", "'zzz'"),
    "fields of objects": says("(12,)", "[('a', '|O')]"),
    "huge texts": says("(12,)", "'<U1000000000'"),
    "code": header("__import__('os').system('true')"),
    "brackets without end": header("(" * 9000, version=2),
    "a header of 100 KB": header("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}" + " " * 100_000, version=2),
    "a header that is cut": b"\x93NUMPY\x01\x00\xff\xff{'descr'",
    "another version": b"\x93NUMPY\x09\x00" + bytes(50),
    "no .npy file": b"GIF89a",
    "nothing": b"",
    "fewer values than it says": says("(12, 8, 8, 3)"),
}


def through_every_door(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for read in (load_parts, examine):
        with pytest.raises(af.DataError) as caught:
            read(path)
        assert path.name in str(caught.value) or path.parent.name in str(caught.value)
    out = path.parent / "out"
    for words in (["train", str(path), "--out", str(out)], ["doctor", str(path)], ["augment", str(path), str(out)]):
        assert main(words) == 2
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        assert said.err.startswith("augfuse: ")
    assert not out.exists()


@pytest.mark.parametrize("content", IMAGES.values(), ids=IMAGES)
def test_npz_headers(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    through_every_door(archive(tmp_path / "d.npz", x=content, y=npy(LABELS)), capsys)


@pytest.mark.parametrize("content", list(IMAGES.values())[:4], ids=list(IMAGES)[:4])
def test_npz_headers_of_labels(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = npy(np.zeros((12, 8, 8, 3), np.uint8))
    through_every_door(archive(tmp_path / "d.npz", x=images, y=content), capsys)


@pytest.mark.parametrize("change", [encrypted, claims_size, unknown_method])
def test_npz_members(
    change: Callable[[bytearray, int], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive(tmp_path / "d.npz", x=npy(np.zeros((12, 8, 8, 3), np.uint8)), y=npy(LABELS))
    through_every_door(flags(path, b"x.npy", change), capsys)


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"no archive", npy(np.zeros(3)), bytes(1000)], ids=["empty", "PK", "text", "npy", "zeros"]
)
def test_npz_files(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.npz"
    path.write_bytes(content)
    through_every_door(path, capsys)


def test_a_bomb_that_holds_what_it_claims(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """2 GB of zeros in 9 MB: the header tells the truth, and the memory that is allowed here is less."""
    path = tmp_path / "d.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        with file.open("x.npy", "w", force_zip64=True) as member:
            member.write(says("(2000000, 32, 32, 1)")[:-100])
            block = bytes(64 << 20)
            for _ in range(2_000_000 * 1024 // len(block) + 1):
                member.write(block)
        file.writestr("y.npy", npy(LABELS))
    through_every_door(path, capsys)


# --- IDX ---


def idx(code: int, *shape: int, data: bytes = b"") -> bytes:
    return b"\0\0" + bytes([code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


IDX = {
    "255 dimensions": b"\0\0\x08\xff" + b"\0\0\0\x01" * 255 + b"\0",
    "65 dimensions": idx(8, *[1] * 65, data=b"\0"),
    "40 GB": idx(8, 40_000_000, 32, 32, data=bytes(100)),
    "2**128 values": idx(8, *[2**32 - 1] * 4),
    "nothing, of huge sides": idx(8, 0, 2**32 - 1, 2**32 - 1),
    "sides of 0": idx(8, 12, 0, 28),
    "0 dimensions": b"\0\0\x08\0\0",
    "an unknown dtype": b"\0\0\x0a\x03" + bytes(12),
    "a cut header": b"\0\0\x08\x03\0\0",
    "NaN": idx(13, 2, 2, 2, data=np.full(8, np.nan, ">f4").tobytes()),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("content", IDX.values(), ids=IDX)
def test_idx_files(content: bytes, packed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    end = ".gz" if packed else ""
    for name, held in (("images-idx3", content), ("labels-idx1", idx(8, 12, data=bytes(12)))):
        (folder / f"train-{name}-ubyte{end}").write_bytes(gzip.compress(held) if packed else held)
    with pytest.raises(af.AugfuseError, match="train-images-idx3-ubyte"):
        af.from_idx(folder)
    out = tmp_path / "out"
    for words in (
        ["train", str(folder), "--out", str(out)],
        ["doctor", str(folder)],
        ["augment", str(folder), str(out)],
    ):
        assert main(words) == 2
        assert "Traceback" not in capsys.readouterr().err
    assert not out.exists()


def test_idx_labels_are_read_as_carefully(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(idx(8, 2, 2, 2, data=bytes(8)))
    for content in (IDX["255 dimensions"], IDX["40 GB"], IDX["2**128 values"]):
        (tmp_path / "y").write_bytes(content)
        with pytest.raises(af.DataError):
            af.from_idx(tmp_path / "x", tmp_path / "y")


def test_what_is_whole_is_read_as_before(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "d.npz", x=x, y=LABELS, extra=np.array([{"a": 1}], object))
        source: Any = load_parts(tmp_path / "d.npz").train
        assert len(source) == 10
        assert examine(tmp_path / "d.npz").parts == {"": 12}
    (tmp_path / "f").write_bytes(idx(8, *x.shape, data=x.tobytes()))
    np.testing.assert_array_equal(read_idx(tmp_path / "f"), x)
