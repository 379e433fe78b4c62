"""`validation_split` of image files beside a `groups.csv`: no group in both subsets, no copies in validation."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")

from keras.src.legacy.preprocessing import image as legacy  # noqa: E402

from augfuse.cli import main  # noqa: E402
from augfuse.errors import AugfuseWarning, DataError  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

BOTH = ("training", "validation")


pytestmark = pytest.mark.usefixtures("notices_anew")


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    for i, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (20, 8, 6, 3), dtype=np.uint8)):
        path = tmp_path / "src" / "ab"[i % 2] / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "src"


@pytest.fixture
def copies(originals: Path) -> Path:
    """20 originals in 2 classes, each with 2 copies."""
    dst = originals.parent / "dst"
    assert main(["augment", str(originals), str(dst), "--copies", "2"]) == 0
    return dst


def names(subset: str, folder: Any, fraction: float = 0.25, compat: Any = None, frame: Any = None) -> list[str]:
    generator = ImageDataGenerator(validation_split=fraction, compat=compat)
    if frame is None:
        return generator.flow_from_directory(folder, subset=subset).filenames
    return generator.flow_from_dataframe(frame, folder, subset=subset, class_mode=None).filenames


def group(name: str) -> str:
    return name.removesuffix(".png").partition("~")[0]


def heard(action: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return [str(one.message) for one in caught if issubclass(one.category, AugfuseWarning)]


@pytest.mark.filterwarnings("ignore:Keras' validation_split puts:augfuse.errors.AugfuseWarning")
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.87])
def test_copies_stay_with_their_originals(originals: Path, copies: Path, fraction: float) -> None:
    training, validation = (names(subset, f"{copies}/", fraction) for subset in BOTH)
    assert validation == names("validation", originals, fraction)  # the same ones as without copies
    assert len(training) == 60 - 3 * len(validation) and not set(map(group, training)) & set(map(group, validation))


@pytest.mark.filterwarnings("ignore:Keras' validation_split puts:augfuse.errors.AugfuseWarning")
@pytest.mark.parametrize("place", ["", "the folder", "a class folder"])
def test_rows_of_a_frame_too(copies: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copies)
    folder = {"": None, "the folder": copies, "a class folder": copies / "a"}[place]
    files = sorted(copies.glob("a/*.png"), reverse=True)
    frame = pd.DataFrame({"filename": [str(p if folder is None else p.relative_to(folder)) for p in files]})
    training, validation = (names(subset, folder, 0.34, frame=frame) for subset in BOTH)
    assert [Path(name).name for name in validation] == ["018.png", "016.png", "014.png"]
    assert len(training) == 21 and not set(map(group, training)) & set(map(group, validation))
    assert names("training", folder, 0.0, frame=frame) == frame["filename"].tolist()


@pytest.mark.filterwarnings("ignore:Keras' validation_split puts:augfuse.errors.AugfuseWarning")
@pytest.mark.parametrize("groups", ["pppqqqrrst" * 2, "pqpqpqpqpq" * 2, "ppppppppqq" + "ppppqqqqqr", "p" * 19 + "q"])
def test_groups_of_several_originals_and_classes(originals: Path, groups: str) -> None:
    files = [f"{letter}/{i:03}.png" for k, letter in enumerate("ab") for i in range(k, 20, 2)]
    of = dict(zip(files, groups, strict=True))
    (originals / "groups.csv").write_text("file,group\n" + "".join(f"{file},{name}\n" for file, name in of.items()))
    training, validation = (names(subset, originals, 0.3) for subset in BOTH)
    assert sorted(training + validation) == files
    assert not {of[name] for name in training} & {of[name] for name in validation}
    wanted = {"pppqqqrrst" * 2: 6, "pqpqpqpqpq" * 2: 10, "ppppppppqq" + "ppppqqqqqr": 7, "p" * 19 + "q": 1}
    assert len(validation) == wanted[groups]


@pytest.mark.parametrize("subset", BOTH)
def test_strict_keeps_the_subsets_of_keras_and_names_the_leak(copies: Path, subset: str) -> None:
    with pytest.warns(AugfuseWarning, match=r"2 of 20 groups in groups\.csv are in both subsets.* 8 of 14 validation"):
        ours = names(subset, copies, 0.24, "strict")
    theirs = legacy.ImageDataGenerator(validation_split=0.24).flow_from_directory(copies, subset=subset)
    assert ours == theirs.filenames
    generator = ImageDataGenerator(validation_split=0.24, compat="strict")
    said = heard(lambda: [generator.flow_from_directory(copies, subset=one) for one in BOTH])
    assert len(said) == 1 and 'Leave out compat="strict"' in said[0]


def test_the_difference_is_said_once_and_only_where_there_is_one(originals: Path, copies: Path) -> None:
    assert heard(lambda: [names(subset, originals) for subset in BOTH]) == []
    frame = pd.DataFrame({"filename": [f"a/{i:03}.png" for i in range(0, 20, 2)]})  # the originals alone
    assert heard(lambda: [names(subset, copies, frame=frame) for subset in BOTH]) == []
    assert heard(lambda: ImageDataGenerator(validation_split=0.25).flow_from_directory(copies)) == []
    said = heard(lambda: [names(subset, copies) for subset in BOTH])
    assert len(said) == 1 and "groups.csv" in said[0] and 'compat="strict"' in said[0], said
    assert "docs/imagedatagenerator.md" in said[0]


@pytest.mark.filterwarnings("ignore:Keras' validation_split puts:augfuse.errors.AugfuseWarning")
def test_a_table_that_cannot_be_read_and_one_that_lacks_images(copies: Path) -> None:
    table = copies / "groups.csv"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if "a/000" not in line))
    with pytest.warns(AugfuseWarning, match=r"3 of 60 images are not in groups\.csv") as caught:
        names("training", copies)
    assert all(Path(one.filename) == Path(__file__) for one in caught)
    table.write_text("id,name\n")
    with pytest.raises(DataError, match=r"groups\.csv: got the columns id, name, wanted file,group"):
        names("training", copies)
    with pytest.warns(AugfuseWarning, match="got the columns id, name.* Keras does not look at it"):
        assert len(names("training", copies, compat="strict")) == 46
