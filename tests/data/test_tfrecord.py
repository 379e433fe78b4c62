"""from_tfrecord and `augfuse convert`: records read and written without TensorFlow, which reads and writes the same."""

from __future__ import annotations

import gzip
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main
from augfuse.data.open import open_parts
from augfuse.data.tfrecord.example import blobs, encode, features, numbers
from augfuse.data.tfrecord.framing import OVERHEAD, frame, masked_crc, records

X = np.random.default_rng(0).integers(0, 256, (6, 9, 7, 3), np.uint8)


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(out, "PNG")
    return out.getvalue()


def write(path: Path, *messages: dict[str, Any], packed: bool = False) -> Path:
    raw = b"".join(frame(encode(message)) for message in messages)
    path.write_bytes(gzip.compress(raw) if packed else raw)
    return path


def message(i: int, **more: Any) -> dict[str, Any]:
    return {"image/encoded": [png(X[i])], "image/class/label": np.array([i % 3]), **more}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for part in ("train", "val"):
        for label, name in enumerate(("ant", "bee", "cow")):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for i in range(3):
                Image.fromarray(X[(label + i) % 6]).save(folder / f"{i}.jpg", quality=95)
    return tmp_path / "photos"


# --- the format -------------------------------------------------------------------------------------------------------


def test_checksums_are_those_of_the_standard() -> None:
    assert masked_crc(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF  # RFC 3720


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": [b"", b"x" * 300], "é": np.array([1.5, -2], np.float32), "n": np.array([0, -1, 2**63 - 1, -(2**63)])},
        {"empty": np.array([], np.int64), "none": []},
    ],
)
def test_messages_come_back(values: dict[str, Any]) -> None:
    raw = memoryview(encode(values))
    found = features(raw)
    assert list(found) == sorted(values)
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            if len(value):
                np.testing.assert_array_equal(numbers(raw, found[name]), value)
        else:
            assert [bytes(raw[span.start : span.stop]) for span in blobs(raw, found[name])] == value


def test_tensorflow_reads_ours_and_we_read_tensorflows(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    values = {"b": [b"x", b""], "f": np.array([0.5, 3], np.float32), "i": np.array([-7, 2**40])}
    ours = tf.train.Example.FromString(encode(values))
    assert list(ours.features.feature["b"].bytes_list.value) == values["b"]
    assert list(ours.features.feature["f"].float_list.value) == [0.5, 3]
    assert list(ours.features.feature["i"].int64_list.value) == [-7, 2**40]
    raw = memoryview(ours.SerializeToString())
    found = features(raw)
    np.testing.assert_array_equal(numbers(raw, found["i"]), values["i"])
    np.testing.assert_array_equal(numbers(raw, found["f"]), values["f"])

    for kind in ("", "GZIP"):
        path = tmp_path / f"theirs{kind}.tfrecord"
        with tf.io.TFRecordWriter(str(path), kind) as writer:
            for i in range(4):
                example = tf.train.Example()
                example.features.feature["image/encoded"].bytes_list.value.append(png(X[i]))
                example.features.feature["image/class/label"].int64_list.value.append(i)
                writer.write(example.SerializeToString())
        data = af.from_tfrecord(path)
        assert data.labels is not None and data.labels.tolist() == [0, 1, 2, 3]
        np.testing.assert_array_equal(data[2].image, X[2])
        own = write(tmp_path / f"ours{kind}.tfrecord", *(message(i) for i in range(4)), packed=bool(kind))
        seen = [r.numpy() for r in tf.data.TFRecordDataset(str(own), kind)]
        assert [tf.train.Example.FromString(raw).features.feature["image/class/label"].int64_list.value[0]
                for raw in seen] == [0, 1, 2, 0]  # fmt: skip


# --- what the features mean -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "options", "label"),
    [
        ({"image/encoded": [png(X[0])], "image/class/label": np.array([2])}, {}, 2),
        ({"image": [png(X[0])], "label": np.array([2])}, {}, 2),
        ({"picture": [png(X[0])], "name": [b"a.png"], "species": np.array([4])}, {}, 4),
        ({"image_raw": [X[0].tobytes()], "height": np.array([9]), "width": np.array([7]), "depth": np.array([3]),
          "label": np.array([1])}, {}, 1),
        ({"image_raw": [X[0].tobytes()], "height": np.array([9]), "width": np.array([7])}, {}, None),
        ({"image": [png(X[0])], "label": np.array([1]), "other": np.array([5])}, {"label": "other"}, 5),
        ({"image": [png(X[1])], "second": [png(X[0])]}, {"image": "second"}, None),
        ({"image": [png(X[0])], "label": np.array([1])}, {"label": ""}, None),
        ({"image": [png(X[0])], "label": [b"bee"], "x": np.array([3])}, {"classes": ("ant", "bee")}, 1),
        ({"image": [png(X[0])], "label": np.array([0.25], np.float32)}, {}, 0.25),
        ({"image": [png(X[0])], "label": np.array([0, 1, 1])}, {}, [0, 1, 1]),
    ],
)  # fmt: skip
def test_features_are_guessed_and_given(
    tmp_path: Path, message: dict[str, Any], options: dict[str, Any], label: Any
) -> None:
    data = af.from_tfrecord(write(tmp_path / "d.tfrecord", message, message), **options)
    np.testing.assert_array_equal(data[1].image, X[0])
    assert (None if data[0].label is None else np.asarray(data[0].label).tolist()) == label


def test_names_of_classes_come_from_the_texts(tmp_path: Path) -> None:
    texts = [message(i, **{"image/class/text": [b"ant bee cow".split()[i % 3]]}) for i in range(6)]
    assert af.from_tfrecord(write(tmp_path / "d.tfrecord", *texts)).classes == ("ant", "bee", "cow")
    texts[4]["image/class/text"] = [b"bumblebee"]
    assert af.from_tfrecord(write(tmp_path / "e.tfrecord", *texts)).classes is None


def test_the_bytes_are_those_of_the_folder(photos: Path, tmp_path: Path) -> None:
    assert main(["convert", str(photos / "train"), str(tmp_path / "d.tfrecord")]) == 0
    recipe = af.Recipe([af.Rotate(20), af.Normalize()])
    files = [tmp_path / "d.tfrecord", write(tmp_path / "gz.tfrecord", packed=True)]
    files[1].write_bytes(gzip.compress(files[0].read_bytes()))
    sets = [af.from_directory(photos / "train"), *(af.from_tfrecord(file) for file in files)]
    loaders = [af.Loader(data, recipe, seed=1, batch_size=4, workers=w) for data in sets for w in (0, 2)]
    for batches in zip(*loaders, strict=True):
        for batch in batches[1:]:
            np.testing.assert_array_equal(batch.images, batches[0].images)
            np.testing.assert_array_equal(batch.labels, batches[0].labels)
    copy = pickle.loads(pickle.dumps(sets[2]))
    np.testing.assert_array_equal(copy[3].image, sets[0][3].image)


# --- convert ----------------------------------------------------------------------------------------------------------


def test_parts_become_files_and_folders_again(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new" / "set.tfrecord"
    assert main(["convert", str(photos), str(target)]) == 0
    assert capsys.readouterr().out == f"{target.with_name('set-train.tfrecord')}: 9 images\n" \
        f"{target.with_name('set-val.tfrecord')}: 9 images\n"  # fmt: skip
    opened = open_parts(target)
    assert list(opened.parts) == ["train", "val"]
    train = af.open(target)
    assert (train.part, train.classes, len(train)) == ("train", ("ant", "bee", "cow"), 9)
    assert train.raw(4) == (photos / "train" / "bee" / "1.jpg").read_bytes()
    assert main(["convert", str(target), str(tmp_path / "back")]) == 0
    back = af.from_directory(tmp_path / "back")
    assert back.classes == ("ant", "bee", "cow") and list(back.parts) == ["train", "val"]
    np.testing.assert_array_equal(back[5].image, train[5].image)
    assert main(["convert", str(photos), str(target)]) == 2
    assert "exists already. Type another name, or --overwrite." in capsys.readouterr().err
    assert main(["convert", str(photos), str(target), "--overwrite", "--gzip"]) == 0
    assert len(af.open(target, part="val")) == 9


def test_files_of_others_are_not_replaced(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "d.tfrecord", message(0))
    before = path.read_bytes()
    assert main(["convert", str(photos / "val"), str(path), "--overwrite"]) == 2
    assert "was not written by augfuse convert" in capsys.readouterr().err and path.read_bytes() == before


def test_arrays_and_groups(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X, y=np.arange(6) % 2, group=np.array(list("ppqqrr")), classes=["no", "yes"])
    assert main(["convert", str(tmp_path / "d.npz"), str(tmp_path / "d.tfrecord")]) == 0
    data = af.open(tmp_path / "d.tfrecord")
    assert data.classes == ("no", "yes") and data.groups is not None and data.groups.tolist() == list("ppqqrr")
    np.testing.assert_array_equal(data[3].image, X[3])
    assert main(["convert", str(tmp_path / "d.tfrecord"), str(tmp_path / "e.npz")]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "e.npz")["x"], X)


# --- what cannot be used ----------------------------------------------------------------------------------------------


def flipped(path: Path, at: int) -> Path:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(bytes(raw))
    return path


def test_damaged_bytes_are_found_when_the_record_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "d.tfrecord", *(message(i) for i in range(4)))
    second = next(record for i, (record, _) in enumerate(records(path)) if i == 1)
    flipped(path, second.offset + second.size // 2)
    data = af.from_tfrecord(path)
    with pytest.raises(af.DecodeError, match=rf"d\.tfrecord@{second.offset}: the record is damaged"):
        data[1]
    np.testing.assert_array_equal(data[2].image, X[2])
    loader = af.Loader(data, batch_size=4, shuffle=False, on_error="skip", max_skipped=0.5, seed=0)
    with pytest.warns(af.AugfuseWarning, match="1 of 4 images left out"):
        assert [batch.indices.tolist() for batch in loader] == [[0, 2, 3]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.write_bytes(b""), "is empty"),
        (lambda p: p.write_bytes(b"no records at all, but text"), "not a TFRecord file"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1]), "cut short within record 1"),
        (lambda p: p.write_bytes(p.read_bytes() + b"123"), "cut short within record 2"),
        (lambda p: flipped(p, 3), "not a TFRecord file: the length of record 0"),
        (lambda p: flipped(p, 9), "not a TFRecord file"),
        (lambda p: p.write_bytes(gzip.compress(p.read_bytes())[:-20]), "the gzip file is cut or damaged"),
        (lambda p: p.write_bytes(frame(b"\xff\xff")), "record 0 is not a tf.train.Example"),
        (lambda p: p.write_bytes(frame(b"\x0a\x7f")), "a field is longer than the message"),
        (lambda p: p.write_bytes(frame(b"\x0b")), "a field of type 3"),
        (lambda p: write(p, {}), "record 0 has no feature with an image file among no features"),
        (lambda p: write(p, {"a": [png(X[0])], "b": [png(X[0])]}), "several features with image files among 'a', 'b'"),
        (lambda p: write(p, message(0), {"label": np.array([1])}), "record 1 has no feature 'image/encoded'"),
        (lambda p: write(p, message(0), message(1, **{"image/encoded": np.array([3])})), "has integers in the feature"),
        (lambda p: write(p, message(0), message(1, **{"image/encoded": []})), "has 0 values of the feature"),
        (lambda p: write(p, message(0), message(1, **{"image/class/label": np.array([1.5])})), "different kinds"),
        (lambda p: write(p, message(0), message(1, **{"image/class/label": [b"\xff"]})), "that is not UTF-8"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used(tmp_path: Path, change: Any, words: str) -> None:
    path = write(tmp_path / "d.tfrecord", message(0), message(1))
    change(path)
    with pytest.raises(af.DataError, match=words):
        af.from_tfrecord(path)


def test_a_length_that_claims_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "d.tfrecord"
    length = (2**62).to_bytes(8, "little")
    path.write_bytes(length + masked_crc(length).to_bytes(4, "little") + bytes(OVERHEAD))
    with pytest.raises(af.DataError, match=r"it has 4,611,686,018,427,387,904 bytes, and 12 are left"):
        af.from_tfrecord(path)


def test_a_file_that_changed_since(tmp_path: Path) -> None:
    path = write(tmp_path / "d.tfrecord", message(0), message(1))
    data = af.from_tfrecord(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(af.DecodeError, match="the file ends within the record"):
        data[1]
    path.unlink()
    with pytest.raises(af.DecodeError, match="cannot be read"):
        data[0]


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(af.DataNotFoundError, match="no such file, wanted a TFRecord file"):
        af.from_tfrecord(tmp_path / "d.tfrecord")
    with pytest.raises(af.DataError, match="got no files"):
        af.from_tfrecord([])
    with pytest.raises(af.DataError, match=r"has no feature 'lable'.*Did you mean"):
        af.from_tfrecord(write(tmp_path / "d.tfrecord", message(0, label=np.array([1]))), label="lable")


def test_every_command_takes_records_and_archives(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import tarfile

    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        archive.add(photos, arcname="photos")
    assert main(["convert", str(photos), str(tmp_path / "set.tfrecord")]) == 0
    for data in ("set.tar", "set.tfrecord"):
        assert main(["doctor", str(tmp_path / data)]) in (0, 1)
        assert "AF2" in capsys.readouterr().out  # images of both parts are alike
        assert main(["preview", str(tmp_path / data), "--out", str(tmp_path / f"{data}.png")]) == 0
        assert main(["augment", str(tmp_path / data), str(tmp_path / f"{data} copies")]) == 0
        assert len(af.from_directory(tmp_path / f"{data} copies")) == 18
    assert main(["doctor", str(tmp_path / "set.tfrecord"), "--quarantine", str(tmp_path / "list.txt")]) == 2
    assert "the images of this data have none" in capsys.readouterr().err
