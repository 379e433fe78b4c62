"""Tables that cannot be used: what is wrong is named with its file and line, and nothing is dropped in silence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import augfuse as af
from table_cases import pictures, table

pd = pytest.importorskip("pandas", reason="needs pandas, of the extra augfuse[keras]")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return pictures(tmp_path, "a.png", "b.png", "c.png")


def opened(photos: Path, *lines: str, **options: Any) -> af.DataSet:
    return af.from_csv(table(photos / "x.csv", *lines), **options)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "holds no rows"),
        (["image,label"], "holds no rows"),
        (["image,label", "a.png,x", "b.png"], "x.csv, line 3: got 1 values, wanted 2: one for each column"),
        (["image,label", 'a.png,"x\ny"', "b.png,u,v"], "x.csv, line 4: got 3 values"),
        (["image,label", 'a.png,"x'], r"line 2: not comma-separated values \(unexpected end of data\)"),
        (["image,label,label", "a.png,x,y"], "two columns are called 'label'"),
        (["image,label", "a.png,x", "b.png,"], "line 3: column 'label' is empty, wanted a value. 1 of 2 rows"),
        (["image,label", "a.png,1", "b.png,nan"], "line 3: column 'label' is (empty|nan)"),
        (["image,label", "a.png,1.5", "b.png,inf"], "line 3: column 'label' is inf, wanted finite numbers"),
        (["image,label", ",x", "b.png,y"], "line 2: column 'image' is empty"),
        (["size,label", "3,x"], r"which column is the image\? There is none .*'size', 'label'.*Type image=COLUMN"),
        (["one,two", "a.png,b.png"], r"There is several that may be \('one', 'two'\)"),
        (["file,path,label", "a.png,b.png,x"], "'file' and 'path' may each be the image. Type image='file'"),
        (["image,label,class", "a.png,x,y"], "'label' and 'class' may each be the label. Type label='label'"),
        (["image,group,patient_id", "a.png,x,y"], "may each be the group. Type group="),
        (["image,split", "a.png,train", "b.png,extra"], "line 3: split is 'extra', wanted 'train', 'val', 'test'"),
        (["image,sample_weight", "a.png,1", "b.png,"], "line 3: column 'sample_weight' is empty"),
        (["image,sample_weight", "a.png,1", "b.png,-1"], "column 'sample_weight': got weights of -1..1"),
        (["image,sample_weight", "a.png,x"], "column 'sample_weight': holds no numbers"),
        (["image,group", "a.png,x", "b.png,"], "line 3: column 'group' is empty"),
        (["image,label", "../a.png,x"], r"line 2: image '\.\./a\.png' lies outside of .*, wanted a file below it"),
        (["image,label", "/etc/passwd,x"], "line 2: image '/etc/passwd' lies outside of"),
        (["image,label", "d/../../a.png,x"], "lies outside of"),
    ],
)
def test_tables_that_cannot_be_used(photos: Path, lines: list[str], words: str) -> None:
    with pytest.raises(af.DataError, match=words):
        opened(photos, *lines)


def test_names_inside_the_root_may_be_written_in_any_way(photos: Path) -> None:
    pictures(photos / "sub", "d.png")
    data = opened(photos, "image", "sub/../a.png", str(photos / "b.png"), "./sub//d.png")
    assert [sample.path for sample in data] == [str(photos / name) for name in ("a.png", "b.png", "sub/d.png")]
    assert len(opened(photos, "image", "/" + str(photos / "a.png").lstrip("/"), root="/")) == 1


def test_missing_images_are_counted(photos: Path) -> None:
    with pytest.raises(
        af.DataError, match=r"2 of 3 images are not there, the first is .*aa\.png.*line 3.*Did you mean 'a.png'"
    ):
        opened(photos, "image", "a.png", "aa.png", "zz/b.png")
    with pytest.raises(af.DataError, match=r"There is 'a\.png': write the ending, too"):
        opened(photos, "image", "a")
    with pytest.raises(af.DataError, match=r"1 of 1 images are not there, .*Type root=FOLDER"):
        opened(photos, "image", "nothing/like/it.png")
    with pytest.raises(af.DataNotFoundError, match="root: no such folder"):
        opened(photos, "image", "a.png", root=photos / "none")


def test_two_rows_of_one_image(photos: Path) -> None:
    words = r"line 4: label of 'a\.png' is 'y', in .*line 2 it is 'x': wanted the same in all rows"
    with pytest.raises(af.DataError, match=words):
        opened(photos, "image,label", "a.png,x", "b.png,x", "./a.png,y")
    with pytest.warns(
        af.AugfuseWarning, match=r"1 rows name an image that an earlier row names.*line 4.*group='image'"
    ):
        data = opened(photos, "image,label", "a.png,x", "b.png,x", "./a.png,x")
    assert len(data) == 3
    with pytest.warns(af.AugfuseWarning, match="each is a sample"):
        data = opened(photos, "image,label", "a.png,x", "b.png,x", "a.png,x", group="image")
    rest, held = data.split(0.4)
    assert not set(rest.paths or ()) & set(held.paths or ())
    for column, one, other in (("split", "train", "test"), ("group", "1", "2")):
        with pytest.raises(af.DataError, match=f"{column} of 'a.png' is"):
            opened(photos, f"image,x1,y1,x2,y2,{column}", f"a.png,1,1,2,2,{one}", f"a.png,1,1,3,3,{other}")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("image,label\na.png,caf\xe9\n".encode("latin-1"), "line 2: byte 0xe9 is not utf-8.*encoding='cp1252'"),
        (b"image,label\na\0.png,x\n", "1 of 1 images are not there"),
        (b"image,label\n" + b'"' + b"x" * 200_000 + b'",y\n', r"line 2: not comma-separated values \(field larger"),
    ],
)
def test_bytes_that_are_no_text(photos: Path, raw: bytes, words: str) -> None:
    (photos / "x.csv").write_bytes(raw)
    with pytest.raises(af.DataError, match=words):
        af.open(photos / "x.csv")


def test_other_encodings(photos: Path) -> None:
    path = table(photos / "x.csv", "image,label", "a.png,café", encoding="cp1252")
    assert af.from_csv(path, encoding="cp1252").classes == ("café",)
    with pytest.raises(af.DataError, match="encoding: got 'nonsense'"):
        af.from_csv(path, encoding="nonsense")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['{"image": "a.png"', "{}"], "line 1: not JSON"),
        (['{"image": "a.png"}', "[1]"], r"line 2: got \[1\], wanted an object"),
        (['{"image": "a.png", "image": "b.png"}'], r"line 1: not JSON \('image' is there twice\)"),
        (['{"image": "a.png", "label": "x"}', '{"image": "b.png"}'], "line 2: column 'label' is empty"),
        (['{"image": "a.png", "label": "x"}', '{"image": "b.png", "label": 3}'], "line 2: .*, the first row 'x'"),
        (['{"image": "a.png", "label": NaN}'], "line 1: column 'label' is (empty|nan)"),
        (['{"image": 3.5, "label": 1}'], "line 1: column 'image' holds"),
        (["[" * 100_000], "line 1: not JSON"),
        (
            ['{"image": "a.png", "label": [1, 2]}', '{"image": "b.png", "label": [1]}'],
            r"line 2: column 'label' holds 1 numbers, the first row 2.*classes=NAMES",
        ),
    ],
)  # fmt: skip
def test_json_that_cannot_be_used(photos: Path, lines: list[str], words: str) -> None:
    with pytest.raises(af.DataError, match=words):
        af.open(table(photos / "x.jsonl", *lines))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image": "imag"}, "image: .* has no column 'imag', only 'image', 'label', 'age'. Did you mean 'image'"),
        ({"label": "lable"}, "label: .* has no column 'lable'.*Did you mean 'label'"),
        ({"label": ["age", "x"]}, "label: .* has no column 'x'"),
        ({"lable": "label"}, "lable: is not an argument; columns are named by image, label.*Did you mean 'label'"),
        ({"boxes": ["age", "label"]}, "boxes: got 2 columns, wanted one of lists, or four of numbers"),
        ({"boxes": "age", "box_format": "voc"}, "box_format: got 'voc', wanted one of"),
        ({"boxes": "age", "box_format": "coco"}, "column 'age' holds no lists"),
        ({"label": ["label", "age"]}, "column 'label' holds no numbers, wanted numbers where there are several"),
        ({"classes": ["x", "z"]}, "line 3: label 'y' is not in classes"),
        ({"classes": ["z"], "label": "age"}, "line 2: age 3 has no name; with 1 classes, numbers go from 0 to 0"),
        ({"classes": ["a", "b"], "label": ["age"]}, "has no name"),
        ({"part": "val"}, "has no parts, got part='val'"),
        ({"delimiter": ",,"}, "delimiter: got ',,', wanted one character"),
        ({"color": "rbg"}, "color: got 'rbg'"),
        ({"weight": "label"}, "column 'label': holds no numbers"),
        ({"split": "label"}, "line 2: label is 'x', wanted 'train'"),
    ],
)
def test_arguments_that_do_not_fit(photos: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(af.DataError, match=words):
        opened(photos, "image,label,age", "a.png,x,3", "b.png,y,4", **options)


def test_frames_are_checked_as_files_are(photos: Path) -> None:
    df = pd.DataFrame({"image": ["a.png", "b.png"], "label": ["x", None]})
    with pytest.raises(af.DataError, match="the data frame, row 1: column 'label' is empty"):
        af.from_dataframe(df, photos)
    with pytest.raises(af.DataError, match="two columns are called 'image'"):
        af.from_dataframe(pd.DataFrame([["a.png", "b.png"]], columns=["image", "image"]), photos)
    with pytest.raises(af.DataError, match="the data frame: holds no rows"):
        af.from_dataframe(df[:0], photos)
    with pytest.raises(af.DataError, match="row 1 holds a str, others hold image files"):
        af.from_dataframe(pd.DataFrame({"image": [b"x", "b.png"]}))


def test_columns_that_are_left_out_say_so(photos: Path) -> None:
    with pytest.warns(
        af.AugfuseWarning, match="column 'mask' has the name of a target of another kind and is left out"
    ):
        data = opened(photos, "image,mask", "a.png,1 2 3")
    assert data[0].targets == {}


def test_messages_name_the_file_once(photos: Path) -> None:
    with pytest.raises(af.DataError) as caught:
        opened(photos, "image,label", "a.png,x", "b.png")
    assert len(re.findall(r"x\.csv", str(caught.value))) == 1
