"""`--columns`: tables with unusual names of columns, from every command that takes DATA."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main
from augfuse.data.open import open_parts


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Columns whose names say nothing, and images in another folder than the table."""
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    lines = ["nr,where,breed,fold,left_edge,top_edge,right_edge,bottom_edge"]
    for k in range(40):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(photos / f"{k}.png")
        lines.append(f"{k},{k}.png,{'ab'[k % 2]},{'test' if k % 4 == 3 else 'train'},1,2,9,{4 + k % 8}")
    (tmp_path / "tables").mkdir()
    path = tmp_path / "tables" / "x.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def words(table: Path) -> list[str]:
    return ["--columns", "image=where", "label=breed", "split=fold", f"root={table.parents[1] / 'photos'}"]


def test_columns_and_the_folder_of_the_images(table: Path) -> None:
    parts = open_parts(table, columns=words(table)[1:]).parts
    assert {part: (len(data), data.classes) for part, data in parts.items()} == {
        "train": (30, ("a", "b")),
        "test": (10, ("a", "b")),
    }
    wanted = af.from_csv(table, table.parents[1] / "photos", image="where", label="breed", split="fold")
    assert wanted.paths == parts["train"].paths and set(wanted.table.targets) == set(parts["train"].table.targets)


def test_several_columns_for_one_role(table: Path) -> None:
    boxes = "boxes=left_edge,top_edge,right_edge,bottom_edge"
    root = f"root={table.parents[1] / 'photos'}"
    (data,) = open_parts(
        table, columns=["image=where", boxes, "box_format=pascal_voc", "box_label=breed", "label=", root]
    ).parts.values()
    assert data[3].targets["boxes"].tolist() == [[1, 2, 9, 7]] and data.labels is None


@pytest.mark.filterwarnings("default::augfuse.AugfuseWarning")
def test_convert_augment_preview_and_doctor_take_them(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = words(table)
    assert main(["convert", str(table), str(tmp_path / "made"), *named]) == 0
    assert "40 samples lose nr, left_edge" in " ".join(capsys.readouterr().err.split())
    assert len(list((tmp_path / "made" / "train").rglob("*.png"))) == 30
    plain = table.with_name("plain.csv")  # stored copies move no further columns
    plain.write_text("\n".join(",".join(line.split(",")[1:4]) for line in table.read_text().splitlines()))
    assert main(["augment", str(plain), str(tmp_path / "more"), "--copies", "1", *named]) == 0
    assert len(list((tmp_path / "more" / "train").rglob("*.png"))) == 60
    assert main(["preview", str(table), *named, "--out", str(tmp_path / "a.png")]) == 0
    assert main(["doctor", str(table), *named, "--json", str(tmp_path / "found.json")]) in (0, 1)
    assert json.loads((tmp_path / "found.json").read_text())
    capsys.readouterr()


# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
def test_train_keeps_them_for_the_command_that_repeats_it(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("keras", "sklearn", "matplotlib"):
        pytest.importorskip(name, reason="needs the extra: pip install 'augfuse[train]'")
    monkeypatch.chdir(tmp_path)
    short = ["--epochs", "1", "--seeds", "1", "--size", "16", "--workers", "0"]
    command = ["train", str(table), *words(table), *short, "--name", "r"]
    assert main(command) == 0
    assert "label=breed" in Path("runs/r/config.yaml").read_text()
    again = shlex.split(json.loads(Path("runs/r/report.json").read_text())["command"])
    assert again[again.index("--columns") + 1 :][:4] == words(table)[1:]
    assert main([*again[1:], "--name", "r"]) == 0, "the same run: it is read, not trained again"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["label"], "--columns: got 'label', wanted ROLE=COLUMN, such as label=breed"),
        (["lable=breed"], "--columns: got the role 'lable', wanted one of image, label, .*Did you mean 'label'"),
        (["label=breed", "label=fold"], "--columns: got 'label' twice"),
        (["image=where", "label=race"], "race"),
        (["root=/no/such/folder", "image=where"], "root: no such folder /no/such/folder"),
    ],
)
def test_columns_that_cannot_be_used(table: Path, given: list[str], message: str) -> None:
    with pytest.raises((af.DataError, af.DataNotFoundError), match=message):
        open_parts(table, columns=given)


def test_what_is_no_table_has_no_columns(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = str(tmp_path / "photos")
    for command in (["convert", photos, "out"], ["preview", photos], ["doctor", photos], ["augment", photos, "out"]):
        assert main([*command, "--columns", "label=breed"]) == 2
        assert "is not a table, and has no columns. Type the name of a .csv" in capsys.readouterr().err
    assert main(["preview", "--columns", "label=breed"]) == 2
    assert main(["train", "--columns", "label=breed"]) == 2
    assert "augfuse train TABLE --columns" in capsys.readouterr().err
    with pytest.raises(af.DataNotFoundError, match=r"none\.csv: no such file or folder"):
        open_parts(tmp_path / "none.csv", columns=["label=breed"])
