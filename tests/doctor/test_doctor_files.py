"""What the doctor says about files: unreadable, odd, too small, and the list of what to leave out."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.doctor import examine
from doctor_cases import codes, healthy, one, photos, picture, save


def test_a_healthy_set_has_no_findings(tmp_path: Path) -> None:
    checkup = examine(healthy(tmp_path))
    assert checkup.findings == () and checkup.healthy
    assert checkup.parts == {"train": 24, "val": 8} and checkup.classes == ("cat", "dog")


def test_unreadable_files_are_named_with_the_reason(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    (root / "train/cat/page.jpg").write_text("<html>no such image</html>")
    (root / "train/dog/empty.png").write_bytes(b"")
    whole = (root / "val/cat/0.png").read_bytes()
    (root / "val/cat/cut.png").write_bytes(whole[: len(whole) // 2])
    checkup = examine(root)
    found = one(checkup, "AF101")
    assert (found.severity, found.count) == ("error", 3)
    assert found.files == ("train/cat/page.jpg", "train/dog/empty.png", "val/cat/cut.png")
    assert "text file" in found.examples[0] and "empty" in found.examples[1]
    assert not checkup.healthy


def test_suffixes(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    raw = cv2.imencode(".png", picture(100))[1].tobytes()
    (root / "train/cat/wrong.jpg").write_bytes(raw)
    (root / "train/cat/apple.heic").write_bytes(b"not looked at")
    (root / "train/cat/notes.txt").write_text("not a picture")
    checkup = examine(root)
    assert one(checkup, "AF103").examples == ("train/cat/wrong.jpg is PNG",)
    unread = one(checkup, "AF102")
    assert unread.examples == ("train/cat/apple.heic",) and unread.count == 1
    assert codes(checkup) == {"AF102", "AF103"}


def test_how_files_are_stored(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    folder = root / "train/cat"
    Image.fromarray(picture(201)).convert("CMYK").save(folder / "print.jpg")
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(picture(202)).save(folder / "turned.jpg", exif=exif)
    frames = [Image.fromarray(picture(203 + i)) for i in range(3)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    glass = np.dstack([picture(210), np.full((60, 80), 255, np.uint8)])
    glass[:10, :, 3] = 0
    cv2.imwrite(str(folder / "glass.png"), glass)
    opaque = np.dstack([picture(211), np.full((60, 80), 255, np.uint8)])
    cv2.imwrite(str(folder / "opaque.png"), opaque)
    cv2.imwrite(str(folder / "deep.png"), picture(212).astype(np.uint16) * 257)
    checkup = examine(root)
    assert codes(checkup) == {"AF104", "AF105", "AF106", "AF107", "AF108"}
    assert one(checkup, "AF104").examples == ("train/cat/print.jpg",)
    assert one(checkup, "AF105").examples == ("train/cat/deep.png",)
    assert one(checkup, "AF106").examples == ("train/cat/turned.jpg",)
    assert one(checkup, "AF107").examples == ("train/cat/moving.gif has 3",)
    assert one(checkup, "AF108").examples == ("train/cat/glass.png",)


def test_16_bit_files_alone_are_no_finding(tmp_path: Path) -> None:
    for number in range(24):
        save(tmp_path / "ab"[number % 2] / f"{number}.png", picture(number).astype(np.uint16) * 257)
    assert examine(tmp_path).findings == ()


def test_sizes(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    save(root / "train/cat/tiny.png", picture(300, 4, 6))
    save(root / "train/cat/long.png", picture(301, 20, 200))
    save(root / "train/cat/flat.png", np.full((60, 80, 3), 7, np.uint8))
    save(root / "train/cat/flat_too.png", np.full((60, 80, 3), 7, np.uint8))
    checkup = examine(root)
    assert one(checkup, "AF110").examples == ("train/cat/tiny.png (6x4)",)
    assert one(checkup, "AF111").examples == ("train/cat/long.png (200x20)",)
    assert one(checkup, "AF113").count == 2
    assert codes(checkup) == {"AF110", "AF111", "AF113"}  # images of one colour are no duplicates


def test_huge_images(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    save(root / "train/cat/just.png", np.full((4000, 4000), 7, np.uint8))
    save(root / "train/cat/huge.png", np.full((4000, 4001), 7, np.uint8))
    checkup = examine(root)
    assert one(checkup, "AF112").examples == ("train/cat/huge.png (4001x4000)",)
    assert codes(checkup) == {"AF112", "AF113"}


def test_sets_of_tiny_images_are_not_tiny_beside_others(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.stack([picture(i, 8, 8) for i in range(40)]), y=np.arange(40) % 2)
    assert codes(examine(tmp_path / "d.npz")) == set()


def test_images_that_are_not_read(tmp_path: Path) -> None:
    root = healthy(tmp_path / "set")
    save(root / "train/stray.png", picture(400))
    save(root / "other/cat/0.png", picture(401))
    outside = save(tmp_path / "outside.png", picture(402))
    (root / "train/cat/link.png").symlink_to(outside)
    (root / "val/bird").mkdir()
    checkup = examine(root)
    left = [f.message for f in checkup.findings if f.code == "AF109"]
    assert len(left) == 3
    assert any("beside the class folders" in m for m in left) and any("lead out" in m for m in left)
    assert one(checkup, "AF307").examples == ("val/bird",)


def test_parts_that_sources_refuse_or_leave_out(tmp_path: Path) -> None:
    """Empty class folders, no class folders, nothing at all; at the severity with which sources take it."""

    def said(name: str, code: str) -> tuple[str, str]:
        found = one(examine(tmp_path / name), code)
        return found.severity, found.message

    for part in ("cat", "dog"):
        (healthy(tmp_path / "empty") / "test" / part).mkdir(parents=True)
    assert said("empty", "AF307") == ("error", "2 class folders of test hold no images that sources read.")
    (healthy(tmp_path / "nothing") / "test").mkdir()
    assert said("nothing", "AF311") == ("hint", "test is empty: from_directory leaves it out.")
    save(healthy(tmp_path / "flat") / "test/0.png", picture(90))
    assert said("flat", "AF311")[0] == "hint" and "its image has no label:" in said("flat", "AF311")[1]
    photos(tmp_path / "train", {"train": {".": 12}, "val": {"cat": 12, "dog": 12}})
    assert said("train", "AF311")[0] == "error" and "refuses the data set" in said("train", "AF311")[1]
    for name, refused in (("empty", True), ("nothing", False), ("flat", False), ("train", True)):
        with pytest.raises(af.DataError) if refused else pytest.warns(af.AugfuseWarning, match="left out"):
            af.from_directory(tmp_path / name)


def test_a_folder_of_plain_images(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", picture(number))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    checkup = examine(tmp_path)
    assert codes(checkup) == {"AF101"} and checkup.classes == () and checkup.parts == {"": 4}


def test_nothing_to_examine(tmp_path: Path) -> None:
    with pytest.raises(af.DataError, match="holds no images"):
        examine(tmp_path)
    with pytest.raises(af.DataNotFoundError, match="no such file or folder"):
        examine(tmp_path / "nosuch")
    (tmp_path / "words.txt").write_text("x")
    with pytest.raises(af.DataError, match="wanted a folder"):
        examine(tmp_path / "words.txt")
    with pytest.raises(af.RangeError, match="limit: got 0"):
        examine(tmp_path, limit=0)
    with pytest.raises(af.ImageTypeError, match="wanted a path or a data set"):
        examine(np.zeros((3, 8, 8)))


def test_zip_archives_are_examined_in_place(tmp_path: Path) -> None:
    import zipfile

    root = healthy(tmp_path / "set")
    (root / "train/cat/cut.png").write_bytes((root / "train/cat/0.png").read_bytes()[:200])
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(root.rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path))
    checkup = examine(tmp_path / "set.zip")
    assert checkup.parts == {"train": 25, "val": 8}
    assert one(checkup, "AF101").files == ("set/train/cat/cut.png",)
    source = af.from_zip(tmp_path / "set.zip", exclude=checkup.quarantine)
    assert len(source) == 24


def test_an_archive_by_a_path_with_steps_upwards(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in ("cat", "dog"):
            for number in range(12):
                archive.writestr(f"{name}/{number}.png", b"")
    (tmp_path / "elsewhere").mkdir()
    checkup = examine(tmp_path / "elsewhere/../set.zip")
    assert checkup.quarantine[:2] == ("cat/0.png", "cat/1.png")


def test_what_archives_hold_but_sources_do_not_read(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    import zipfile

    root = photos(tmp_path / "set", {"": {"cat": 12, "dog": 12}})
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(root.rglob("*.png")):
            archive.write(path, path.relative_to(root))
        for name in ("cat/apple.heic", "cat/notes.txt", "cat/bell\x07.png", "../cat/up.png", "../notes.txt"):
            archive.writestr(name, b"")
    checkup = examine(tmp_path / "set.zip")
    assert codes(checkup) == {"AF102", "AF109"} and not recwarn.list
    assert one(checkup, "AF102").examples == ("cat/apple.heic",)
    assert one(checkup, "AF109").examples == ("cat/bell\x07.png", "../cat/up.png")
    with pytest.warns(af.AugfuseWarning, match="3 members"):
        af.from_zip(tmp_path / "set.zip")


def test_two_archives_are_two_parts(tmp_path: Path) -> None:
    import zipfile

    root = healthy(tmp_path / "set")
    save(root / "val/cat/leak.png", picture(0))
    for part in ("train", "val"):
        with zipfile.ZipFile(tmp_path / f"pets_{part}.zip", "w") as archive:
            for path in sorted((root / part).rglob("*.png")):
                archive.write(path, path.relative_to(root / part))
    (tmp_path / "zips").mkdir()
    for part in ("train", "val"):
        (tmp_path / f"pets_{part}.zip").rename(tmp_path / "zips" / f"pets_{part}.zip")
    checkup = examine(tmp_path / "zips")
    assert checkup.parts == {"train": 24, "val": 9}
    assert one(checkup, "AF202").examples == ("pets_train.zip/cat/0.png = pets_val.zip/cat/leak.png",)


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    examine(healthy(tmp_path), workers=2, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (32, 32) and [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    save(root / "val/dog/copy.jpg", picture(3), quality=60)
    (root / "val/dog/bad.jpg").write_bytes(b"\xff\xd8\xff")
    assert examine(root, workers=1) == examine(root, workers=4)


def test_a_decoder_that_warns_is_no_reason_to_stop(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture(1)).convert("P").save(buffer, "GIF")
    photos(tmp_path, {"": {"a": 12, "b": 12}})
    (tmp_path / "a/odd.gif").write_bytes(buffer.getvalue() + b"more")
    assert "AF101" not in codes(examine(tmp_path))
