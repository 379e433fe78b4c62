"""from_parquet and from_hf: images in Parquet files and in data sets of Hugging Face, read in place."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

import augfuse as af
from augfuse.cli import main
from augfuse.data.stores import parquet as stored
from table_cases import encoded, pictures, table

pa = pytest.importorskip("pyarrow", reason="needs the extra augfuse[parquet]")
pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra augfuse[parquet]")
COUNT = 25


def write(path: Path, count: int = COUNT, start: int = 0, group: int = 4, **columns: Any) -> Path:
    """Images start, start + 1, ... in row groups of a few rows, as Hugging Face has them."""
    cells = [{"bytes": encoded(start + i), "path": f"{i}.png"} for i in range(count)]
    found = pa.table({"image": cells, "label": [i % 3 for i in range(count)], **columns})
    pq.write_table(found, path, row_group_size=group, write_page_checksum=True)
    return path


def values(data: af.DataSet) -> list[int]:
    return [int(sample.image[0, 0, 0]) for sample in data]


def labels(data: af.DataSet) -> list[Any]:
    assert data.labels is not None
    return data.labels.tolist()


def test_images_in_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", text=[f"t{i}" for i in range(COUNT)])
    data = af.from_parquet(path)
    assert values(data) == list(range(COUNT)) and labels(data) == [i % 3 for i in range(COUNT)]
    assert data.paths is not None and data.paths[7] == f"{path}@7" == data[7].path
    assert data.raw(9) == encoded(9) and data[3].targets == {"text": "t3"} and data.root == str(path)
    some = data.subset([24, 0, 0, 13])
    assert values(pickle.loads(pickle.dumps(some))) == [24, 0, 0, 13]
    assert af.open(path).classes == ("0", "1", "2")


def test_several_files(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.parquet", 5), write(tmp_path / "b.parquet", 6, start=100)]
    data = af.from_parquet(files)
    assert values(data) == [*range(5), *range(100, 106)]
    assert data.paths is not None and data.paths[5] == f"{files[1]}@0"
    write(tmp_path / "c.parquet", 2, more=[1, 2])
    with pytest.raises(af.DataError, match=r"c\.parquet: has the columns .*'more', wanted those of .*a\.parquet"):
        af.from_parquet([files[0], tmp_path / "c.parquet"])


def test_plain_bytes_and_names(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    pq.write_table(pa.table({"jpg": [encoded(3), encoded(4)], "cls": ["x", "y"]}), tmp_path / "x.parquet")
    assert values(af.from_parquet(tmp_path / "x.parquet", label="cls")) == [3, 4]
    pq.write_table(pa.table({"path": ["b.png", "a.png"], "label": [1.5, 2.5]}), tmp_path / "y.parquet")
    data = af.open(tmp_path / "y.parquet")
    assert values(data) == [1, 0] and labels(data) == [1.5, 2.5]
    rows = [{"bytes": None, "path": "b.png"}, {"bytes": None, "path": "a.png"}]
    pq.write_table(pa.table({"image": rows}), tmp_path / "z.parquet")
    assert values(af.open(tmp_path / "z.parquet")) == [1, 0]


def test_names_beside_images_say_where_they_were(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", 3, file_name=[f"old/{i}.jpg" for i in range(3)])
    assert af.open(path)[2].targets == {"file_name": "old/2.jpg"}


def test_lists_as_pandas_reads_them(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas", reason="needs pandas, of the extra augfuse[keras]")
    objects = [{"bbox": [[1, 2, 3, 4], [5, 6, 7, 8]], "category": ["b", "a"]}, {"bbox": [], "category": []}]
    path = write(tmp_path / "x.parquet", 2, objects=objects, tags=[["u", "v"], ["v"]])
    options: Any = {"label": "tags", "box_label": ""}
    for data in (af.from_parquet(path, **options), af.from_dataframe(pd.read_parquet(path), **options)):
        assert data[0].targets["boxes"].tolist() == [[1, 2, 4, 6], [5, 6, 12, 14]] and labels(data) == [[1, 1], [0, 1]]
        assert data[1].targets["boxes"].shape == (0, 4)


def test_a_folder_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(2):
        write(folder / f"train-{i:05}-of-00002.parquet", 3, start=10 * i)
    write(folder / "validation-00000-of-00001.parquet", 2, start=50, split=["a", "b"])
    with pytest.raises(af.DataError, match=r"has the columns .*'split', wanted those of"):
        af.open(folder)
    write(folder / "validation-00000-of-00001.parquet", 2, start=50)
    data = af.open(folder)
    assert values(data) == [0, 1, 2, 10, 11, 12] and values(data.parts["val"]) == [50, 51]
    assert main(["doctor", str(folder)]) in (0, 1) and main(["doctor", str(folder), "--quarantine", "x.txt"]) == 2
    (folder / "a.png").write_bytes(encoded())
    with pytest.raises(af.DataError, match="has 1 images but no class folders"):
        af.open(folder)
    (folder / "a.png").unlink()
    write(folder / "more.parquet", 2)
    with pytest.raises(af.DataError, match="is empty, wanted one folder"):
        af.open(folder)


def test_masks_in_a_file(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.fromarray(np.full((30, 40), 7, np.uint8)).save(out, "PNG")
    path = write(tmp_path / "x.parquet", 3, mask=[{"bytes": out.getvalue(), "path": None}] * 3)
    assert (af.from_parquet(path)[2].targets["mask"] == 7).all()
    path = write(tmp_path / "y.parquet", 3, depth=[out.getvalue()] * 3)
    with pytest.warns(af.AugfuseWarning, match="column 'depth' holds images and is left out"):
        assert af.from_parquet(path)[2].targets == {}


def test_the_same_bytes_as_from_files(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", split=["train"] * 20 + ["test"] * 5)
    assert main(["convert", str(path), str(tmp_path / "y.tfrecord")]) == 0
    recipe = af.Recipe([af.Rotate(20), af.HorizontalFlip()])
    one, other = af.open(path), af.open(tmp_path / "y.tfrecord")
    assert one.parts.keys() == other.parts.keys()
    wanted = list(af.Loader(other, recipe, batch_size=6, seed=3, workers=0))
    for workers in (0, 1, 4):
        for a, b in zip(af.Loader(one, recipe, batch_size=6, seed=3, workers=workers), wanted, strict=True):
            np.testing.assert_array_equal(a.images, b.images)
            np.testing.assert_array_equal(a.labels, b.labels)


def test_few_row_groups_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = af.from_parquet(write(tmp_path / "x.parquet"))
    monkeypatch.setattr(stored, "KEPT_BYTES", 1)  # one group, then
    order = np.random.default_rng(0).permutation(COUNT).tolist()
    results: dict[int, list[int]] = {}

    def read(number: int) -> None:
        found = data.read(np.array(order), 2)
        results[number] = [int(one.image[0, 0, 0]) for one in found if isinstance(one, af.Sample)]

    threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(4), order)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork(tmp_path: Path) -> None:
    write(tmp_path / "x.parquet")
    code = (
        "import os, sys, augfuse as af\n"
        "data = af.from_parquet('x.parquet')\n"
        "assert data[3].image[0, 0, 0] == 3\n"
        "with data.store._kept.lock:\n"  # as another thread of the parent may hold it
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(int(data[5].image[0, 0, 0]))\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert done.stdout == "5\n", done.stderr


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", r"x\.parquet: not a readable Parquet file"),
        (b"PAR1" + b"x" * 200 + b"PAR1", "not a readable Parquet file"),
        (b"image,label\na.png,x\n" * 40, "not a readable Parquet file"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, raw: bytes, words: str) -> None:
    (tmp_path / "x.parquet").write_bytes(raw)
    with pytest.raises(af.DataError, match=words):
        af.open(tmp_path / "x.parquet")


def test_damage_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet")
    data = af.from_parquet(path)
    raw = bytearray(path.read_bytes())
    raw[raw.index(encoded(0)[20:60]) + 15] ^= 1  # a bit of the first image
    path.write_bytes(raw)
    with pytest.raises(af.DecodeError, match=r"x\.parquet: row group 0 cannot be read"):
        data[0]
    assert data[20].image[0, 0, 0] == 20
    path.unlink()
    with pytest.raises(af.DecodeError, match=r"x\.parquet: row group 2 cannot be read"):
        data[10]


@pytest.mark.filterwarnings("ignore::augfuse.AugfuseWarning")
@given(st.integers(0, 2**32 - 1))
@example(1624)  # a histogram of another size than its column has levels, which ends PyArrow
@example(2419)  # a type of a column that there is not
@example(13624)  # more rows in the groups than in the columns
def test_no_damage_escapes(seed: int) -> None:
    generator = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "x.parquet"), 6, text=["u", "v"] * 3)
        raw = np.frombuffer(path.read_bytes(), np.uint8).copy()
        footer = int(raw[-8:-4].view("<u4")[0]) + 8
        first = 0 if generator.random() < 0.5 else len(raw) - footer
        raw[generator.integers(first, len(raw), 2)] = generator.integers(0, 256, 2)
        path.write_bytes(raw[: len(raw) if generator.random() < 0.9 else int(generator.integers(len(raw)))].tobytes())
        try:
            af.open(path).read(np.arange(6), 1)
        except af.AugfuseError as error:
            assert "x.parquet" in str(error)


def test_cells_without_an_image(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [encoded(1), None, encoded(3)]}), tmp_path / "x.parquet")
    with pytest.raises(af.DataError, match="1 of 3 cells of column 'image' hold no image file"):
        af.from_parquet(tmp_path / "x.parquet")
    with pytest.raises(af.DataError, match="holds no rows"):
        pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "x.parquet")
        af.from_parquet(tmp_path / "x.parquet")
    with pytest.raises(af.DataError, match="got no files"):
        af.from_parquet([])
    with pytest.raises(af.DataNotFoundError, match="no such file, wanted a Parquet file"):
        af.from_parquet(tmp_path / "y.parquet")


def test_a_record_without_bytes_leads_to_no_file(tmp_path: Path) -> None:
    """Statistics, which say how many bytes are missing, may be left out."""
    pictures(tmp_path, "a.png")
    rows = [{"bytes": encoded(5), "path": None}, {"bytes": None, "path": str(tmp_path / "a.png")}]
    pq.write_table(pa.table({"image": rows}), tmp_path / "x.parquet", write_statistics=False)
    data = af.from_parquet(tmp_path / "x.parquet")
    assert data[0].image[0, 0, 0] == 5
    with pytest.raises(af.DecodeError, match=r"x\.parquet@1: the cell holds no image"):
        data[1]


def test_tables_of_pyarrow(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    found = pa.table({"path": ["a.png"], "label": pa.array(["x"]).dictionary_encode()})
    assert af.from_dataframe(found, tmp_path).classes == ("x",)


def test_commands_take_parquet(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet")
    assert main(["doctor", str(path)]) in (0, 1)
    assert main(["convert", str(path), str(tmp_path / "folder")]) == 0
    assert (tmp_path / "folder" / "1" / "01.png").read_bytes() == encoded(1)


def test_without_the_extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.parquet")
    names = table(pictures(tmp_path, "a.png") / "x.csv", "image,label", "a.png,x")
    for name in ("pyarrow", "pyarrow.parquet", "datasets", "pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(af.MissingExtraError, match=r'pip install "augfuse\[parquet\]"'):
        af.open(path)
    assert main(["doctor", str(path)]) == 2
    assert values(af.open(names)) == [0]


# --- Hugging Face -----------------------------------------------------------------------------------------------------


@pytest.fixture
def hf() -> Any:
    return pytest.importorskip("datasets", reason="needs the extra augfuse[hf]")


def made(hf: Any, count: int = 6, **columns: Any) -> Any:
    features = hf.Features({"image": hf.Image(), "label": hf.ClassLabel(names=["zebra", "ant"])})
    cells = [{"bytes": encoded(i), "path": None} for i in range(count)]
    return hf.Dataset.from_dict({"image": cells, "label": [i % 2 for i in range(count)]}, features=features)


def test_a_data_set_of_hugging_face(hf: Any, tmp_path: Path) -> None:
    dataset = made(hf)
    data = af.from_hf(dataset)
    assert data.classes == ("zebra", "ant") and labels(data) == [0, 1] * 3 and values(data) == list(range(6))
    assert data.raw(2) == encoded(2) and data.paths is None
    batches = [list(af.Loader(data, af.Recipe([]), batch_size=2, seed=0, workers=workers)) for workers in (0, 4)]
    for one, other in zip(*batches, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
    shuffled = dataset.shuffle(seed=0)
    assert values(af.from_hf(shuffled)) == [int(np.array(row["image"])[0, 0, 0]) for row in shuffled]
    dataset.save_to_disk(str(tmp_path / "saved"))
    saved = af.from_hf(hf.load_from_disk(str(tmp_path / "saved")))
    assert values(pickle.loads(pickle.dumps(saved)).subset([5, 1])) == [5, 1]
    assert saved.root is not None and Path(saved.root).is_file()


def test_the_parts_of_hugging_face(hf: Any) -> None:
    parts = hf.DatasetDict({"train": made(hf, 4), "validation": made(hf, 2)})
    data = af.from_hf(parts)
    assert {name: len(part) for name, part in data.parts.items()} == {"train": 4, "val": 2} and data.part == "train"
    assert values(af.from_hf(parts, part="val")) == [0, 1]
    with pytest.raises(af.DataError, match=r"got the parts 'train', 'unsupervised', wanted .*from_hf\(dataset\[NAME\]"):
        af.from_hf(hf.DatasetDict({"train": made(hf), "unsupervised": made(hf)}))


def test_the_files_of_hugging_face(hf: Any, tmp_path: Path) -> None:
    made(hf).to_parquet(str(tmp_path / "x.parquet"))
    data = af.open(tmp_path / "x.parquet")
    assert data.classes == ("zebra", "ant") and values(data) == list(range(6)) and labels(data) == [0, 1] * 3
    pictures(tmp_path / "folder" / "train" / "cat", "a.png")
    pictures(tmp_path / "folder" / "train" / "dog", "b.png")
    loaded = hf.load_dataset("imagefolder", data_dir=str(tmp_path / "folder"), cache_dir=str(tmp_path / "cache"))
    assert values(af.from_hf(loaded)) == [0, 0] and af.from_hf(loaded).classes == ("cat", "dog")


def test_boxes_of_hugging_face(hf: Any, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "folder" / "train", "a.png", "b.png")
    rows = [
        {"file_name": "a.png", "objects": {"bbox": [[1, 2, 3, 4]], "categories": [1]}},
        {"file_name": "b.png", "objects": {"bbox": [], "categories": []}},
    ]
    table(folder / "metadata.jsonl", *map(json.dumps, rows))
    loaded = hf.load_dataset("imagefolder", data_dir=str(tmp_path / "folder"), cache_dir=str(tmp_path / "cache"))
    for data in (af.from_hf(loaded["train"]), af.open(folder / "metadata.jsonl")):
        assert data[0].targets["boxes"].tolist() == [[1, 2, 4, 6]] and data[0].targets["box_labels"].tolist() == [1]
        assert data[1].targets["boxes"].shape == (0, 4)


def test_names_of_the_classes_of_boxes(hf: Any, tmp_path: Path) -> None:
    objects = {"bbox": hf.List(hf.List(hf.Value("float32"))), "category": hf.List(hf.ClassLabel(names=["z", "a"]))}
    rows = {"image": [{"bytes": encoded(0), "path": None}], "objects": [{"bbox": [[1, 2, 3, 4]], "category": [1]}]}
    dataset = hf.Dataset.from_dict(rows, features=hf.Features({"image": hf.Image(), "objects": objects}))
    dataset.to_parquet(str(tmp_path / "x.parquet"))
    for data in (af.from_hf(dataset), af.open(tmp_path / "x.parquet")):
        assert data.classes == ("z", "a") and data[0].targets["box_labels"].tolist() == [1]


def test_what_is_not_a_data_set_of_hugging_face(hf: Any) -> None:
    with pytest.raises(af.ImageTypeError, match=r"got IterableDataset, wanted .*without streaming=True"):
        af.from_hf(made(hf).to_iterable_dataset())
    with pytest.raises(af.ImageTypeError, match="got list"):
        af.from_hf([1])  # type: ignore[arg-type]
    with pytest.raises(af.DataError, match="which column is the image"):
        af.from_hf(hf.Dataset.from_dict({"text": ["a"]}))
