"""Looking: what was drawn, in numbers and words; grids; what notebooks show; `augfuse preview`."""

from __future__ import annotations

import base64
import io
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main
from augfuse.commands import sheet
from augfuse.display import pages
from augfuse.plan.describe import caption
from augfuse.plan.ops import Segment
from augfuse.transforms.base import Compose, Tone, Transform
from augfuse.transforms.children import leaves
from augfuse.transforms.mix_base import Mix
from oracles import batch_of, every_example, every_rare_example, siblings
from oracles import pictures as noise
from places import DATA

PHOTOS = DATA


# --- what was drawn ---------------------------------------------------------------------------------------------------


@every_rare_example
def test_what_did_not_fire_changed_nothing_and_what_fired_is_told(
    cls: type[Transform], example: dict[str, Any]
) -> None:
    before = [af.Brightness((0.99, 0.99))]  # so that there is something to round
    recipe = af.Recipe([*before, cls(**{**example, "p": 0.5})])
    image = noise(1, 64, 72)[0]
    takes_levels = any(isinstance(leaf, Tone | Mix) for leaf in leaves(recipe.transforms))
    others = siblings(noise(24, 64, 72))
    fired = changed = 0
    for index in range(24):
        label = index % 3
        _, *told = recipe.describe(image.shape, seed=4, index=index, label=label)
        options: dict[str, Any] = {"seed": 4, "indices": [index], "dtype": "float32"}
        labels = np.eye(3, dtype=np.float32)[[label]] if recipe.inner.asks.softens else [label]
        out = recipe.batch([image], labels, **options, data=others).images
        plain = af.Recipe(before).batch([image], **options).images
        alike = out.shape == plain.shape
        same = alike and np.array_equal(out, plain)
        # A curve of whole numbers, and a mix, take levels: where they do not act they leave them.
        rounded = takes_levels and alike and np.array_equal(out, np.rint(out))
        levels = rounded and bool((np.abs(out - plain) <= 0.5001).all())
        kept = same or levels
        for step in told:
            assert step.path.startswith(f"{cls.__name__}#") and step.path.split("/")[-1].startswith(step.name)
            assert step.fired or (step.text == "" and step.values == {})
            assert not step.text or step.text.startswith(re.sub(r"(?<=[a-zA-Z])(?=[A-Z][a-z])", " ", step.name).lower())
        if not any(step.fired for step in told):
            assert kept
        fired += any(step.fired for step in told)
        changed += not same
        assert kept or any(step.text for step in told)
    chosen = issubclass(cls, Compose)  # by a label, say, and then by the p of its transforms
    assert (1 if chosen else 4) <= fired <= 20
    if not getattr(cls, "takes_objects", False):  # there are none
        assert changed >= fired - 4  # a Lambda may leave a picture as it is, an angle may be tiny


@every_example
def test_a_batch_tells_the_same_as_the_recipe_alone(cls: type[Transform], example: dict[str, Any]) -> None:
    recipe = af.Recipe([af.Rotate(9), cls(**example)] if not issubclass(cls, af.Rotate) else [cls(**example)])
    indices = (5, 9, 2**40)
    batch = batch_of(recipe, noise(3, 64, 64), seed=6, epoch=2, indices=indices)
    for i, index in enumerate(indices):
        alone = recipe.describe((64, 64, 3), seed=6, epoch=2, index=index, label=index % 3)
        assert batch.plan.describe(i) == alone == pickle.loads(pickle.dumps(batch.plan)).describe(i)
    assert batch.plan.describe(-1) == batch.plan.describe(2)
    with pytest.raises(IndexError, match="image 3 is out of range for a batch of 3"):
        batch.plan.describe(3)


def test_the_numbers_are_those_of_the_plan() -> None:
    recipe = af.Recipe([af.Rotate(30), af.Brightness()])
    plan = recipe.batch(noise(6, 20, 30), seed=1).plan
    (step,) = plan.steps
    assert isinstance(step, Segment) and step.geometry is not None and step.color is not None
    for i in range(6):
        turn, brightness = plan.describe(i)
        angle = np.rad2deg(np.arctan2(step.geometry[i, 0, 1], step.geometry[i, 0, 0]))
        assert turn.values["degrees"] == pytest.approx(angle, abs=1e-9)
        assert brightness.values["factor"] == pytest.approx(step.color[i, 1, 1], abs=1e-12)


def test_crops_tell_the_part_that_was_cut_out() -> None:
    """Each pixel knows its place, so the first pixel of a crop says where it came from."""
    y, x = np.mgrid[:50, :60]
    image = np.stack([x, y, x], axis=2).astype(np.uint8)
    for index in range(8):
        padded = af.Recipe([af.Pad((0, 10, 0, 0)), af.RandomCrop((20, 30))])
        told = padded.describe(image.shape, seed=0, index=index)[1].values
        out = padded(image=image, seed=0, index=index)["image"]
        assert told["left"] == out[0, 0, 0] and max(told["top"] - 10, 0) == out[0, 0, 1]
        assert told["top"] <= 50 - 20 + 10, "the canvas that the crop sees is the padded one"
        (erased,) = af.Recipe([af.Erase(value=255, p=1.0)]).describe(image.shape, seed=0, index=index)
        paint = np.argwhere(af.Recipe([af.Erase(value=255, p=1.0)])(image=image, seed=0, index=index)["image"] == 255)
        height, width = (np.ptp(paint[:, axis]) + 1 for axis in (0, 1))
        assert (erased.values["width"], erased.values["height"]) == (width, height)
        assert (erased.values["left"], erased.values["top"]) == (paint[:, 1].min(), paint[:, 0].min())
    cut = af.Recipe([af.RandomResizedCrop((20, 30), scale=(0.3, 0.3), ratio=(1.5, 1.5))])
    (told,) = cut.describe((60, 90, 3), seed=0)
    assert told.values["width"] == 49 and told.values["height"] == 33  # 0.3 of 60 x 90 at 3 : 2


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (af.Rotate((-12.34, -12.34)), "rotate -12.3°"),
        (af.Translate(x=(0.041, 0.041), y=(-0.02, -0.02)), "translate x +4.1%, y -2.0%"),
        (af.Translate(x=(0, 0), y=(0.5, 0.5)), "translate y +50.0%"),
        (af.Scale(factor=(1.08, 1.08)), "scale 1.08"),
        (af.Scale(x=(0.9, 0.9), y=(1.2, 1.2)), "scale x 0.90, y 1.20"),
        (af.HorizontalFlip(p=1.0), "horizontal flip"),
        (af.Rotate90(quarters=3, p=1.0), "rotate90 270°"),
        (af.Brightness((1.14, 1.14)), "brightness 1.14"),
        (af.Hue((-0.05, -0.05)), "hue -0.050 turns"),
        (af.GaussianBlur(1.5), "gaussian blur 1.5 px"),
        (af.GaussianNoise(0.031), "gaussian noise 3.1%"),
        (af.RandomWidth((0.85, 0.85)), "random width 0.85"),
        (af.Affine(degrees=(3, 3), shear_x=(2, 2)), "affine degrees +3.0°, shear x +2.0°"),
        (af.Rotate(0), "unchanged"),
        (af.HorizontalFlip(p=0.0), "unchanged"),
        (af.Resize(8), "unchanged"),
        (af.Normalize(), "unchanged"),
        (af.Rotate((-0.0001, -0.0001)), "rotate +0.0°"),
    ],
)
def test_words(transform: Transform, words: str) -> None:
    assert caption(af.Recipe([transform]).describe((8, 8, 3), seed=0)) == words


def test_describe_in_evaluation_and_bad_arguments() -> None:
    recipe = af.Recipe([af.RandomResizedCrop(8), af.Rotate(), af.Normalize()], value_range=(-1, 1))
    steps = recipe.describe((20, 20, 3), seed=0, training=False)
    assert [step.name for step in steps] == ["Resize", "CenterCrop", "Normalize"]
    assert all(step.fired and step.always for step in steps)
    with pytest.raises(af.ImageError, match=r"shape: got \(20, 20\), wanted \(height, width, channels\)"):
        recipe.describe((20, 20), seed=0)
    with pytest.raises(af.RangeError, match="shape: got 0"):
        recipe.describe((0, 20, 3), seed=0)
    with pytest.raises(af.ImageError, match="indices"):
        recipe.describe((20, 20, 3), seed=0, index=-1)


# --- grids ------------------------------------------------------------------------------------------------------------


def test_padding_and_size_of_a_grid() -> None:
    batch = af.Recipe().batch(noise(3, 8, 9))
    page = batch.grid(columns=3, gap=4, padding=5)
    assert page.shape == (8 + 10, 3 * 9 + 2 * 4 + 10, 3)
    assert np.array_equal(page[5:13, 5:14], batch.images[0]) and (page[:5] == 255).all() and (page[:, :5] == 255).all()
    large = batch.grid(columns=1, gap=0, side=30)
    assert np.array_equal(large[:24, :27], batch.images[0].repeat(3, axis=0).repeat(3, axis=1))
    assert af.Recipe().batch(noise(1, 60, 90)).grid(side=30).shape == (20, 30, 3)


def test_captions_of_a_grid_are_written_below_each_picture() -> None:
    recipe = af.Recipe([af.Rotate((5, 5)), af.ColorJitter()])
    batch = recipe.batch(noise(2, 64, 64), labels=["cat", "dog"], seed=0)
    assert batch.caption(1).startswith("label dog\nrotate +5.0°, color jitter brightness ")
    plain, told, own = batch.grid(), batch.grid(captions=True), batch.grid(captions=["one", "two"])
    assert plain.shape == (64, 2 * 64 + 2, 3)
    assert told.shape[1] == own.shape[1] == 2 * 128 + 2, "enlarged until words fit under it"
    assert np.array_equal(told[:128, :128], plain[:64, :64].repeat(2, axis=0).repeat(2, axis=1))
    assert told.shape[0] > own.shape[0] > 128
    below = own[128:]
    assert (below < 128).any() and not np.array_equal(below[:, :128], below[:, 130:])
    for labels in (np.eye(2), None):  # a vector is no caption
        assert recipe.batch(noise(2, 8, 8), labels=labels, seed=0).caption(0).startswith("rotate")
    numbered = recipe.batch(noise(2, 8, 8), labels=np.array([3, 4]), seed=0)
    assert numbered.caption(1).startswith("label 4\n")


@pytest.mark.parametrize(
    ("size", "options", "cell"),
    [((200, 20), {}, (400, 128)), ((200, 64), {}, (400, 128)), ((30, 3), {}, (510, 128)), ((900, 3), {}, (900, 128)),
     ((20, 200), {}, (20, 200)), ((60, 90), {}, (120, 180)), ((64, 64), {"side": 32}, (32, 128))],
)  # fmt: skip
def test_captions_have_room_under_narrow_pictures(
    size: tuple[int, int], options: dict[str, Any], cell: tuple[int, int]
) -> None:
    batch = af.Recipe().batch(noise(3, *size))
    words = "rotate -12.3"  # fits into a line of 128 pixels
    page = batch.grid(columns=2, gap=6, captions=[words] * 3, **options)
    height = cell[0] + 4 + pages.type_of(12).line
    assert page.shape == (2 * height + 6, 2 * cell[1] + 6, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 0}, "columns: got 0"),
        ({"gap": -1}, "gap: got -1"),
        ({"padding": 1.5}, "padding: got 1.5"),
        ({"side": 0}, "side: got 0"),
    ],
)
def test_grids_that_cannot_be(options: dict[str, Any], message: str) -> None:
    batch = af.Recipe().batch(noise(2, 8, 8))
    with pytest.raises(af.RangeError, match=message):
        batch.grid(**options)
    with pytest.raises(af.ImageError, match="captions: got 1 for 2 images, wanted one for each"):
        batch.grid(captions=["one"])


def test_transparency_shows_a_chequerboard() -> None:
    image = np.full((1, 16, 16, 4), 90, np.uint8)
    image[0, :, :8, 3], image[0, :, 8:, 3] = 255, 0
    page = af.Recipe().batch(image).grid()
    assert (page[:, :8] == 90).all()
    assert (page[:8, 8:] == 208).all() and (page[8:, 8:] == 255).all()


def test_words_are_spelt_with_the_letters_there_are() -> None:
    assert pages.written("Café − Straße × 3 → …") == "Cafe - Strasse x 3 -> ..."
    assert pages.written("rotate -3°\nnext") == "rotate -3°\nnext"
    assert pages.written("Øresund, Łódź, 3 µm") == "Oresund, Lodz, 3 um"
    assert pages.written("猫\x07\udcff") == "\\u732b\\x07\\udcff"
    names = ["кот", "пес", "кит", "ёж", "еж", "й", "и\u0306", "и", "猫", "犬", "가", "각"]
    assert len({pages.written(name) for name in names}) == len(names) - 1  # two ways to write one of them


@pytest.mark.parametrize("text", ["one two three four five six", "a, b, c, d, e, f, g, h", "x" * 60, "", "a\n\nb"])
@pytest.mark.parametrize("commas", [False, True])
def test_lines_fit(text: str, commas: bool) -> None:
    letters = pages.type_of(12)
    lines = letters.wrapped(text, 50, commas)
    assert all(letters.width(line) <= 50 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split()), "nothing is lost"


# --- notebooks --------------------------------------------------------------------------------------------------------


def test_a_batch_in_a_notebook() -> None:
    recipe = af.Recipe([af.Rotate((5, 5)), af.Normalize()])
    labels = ["<script>alert(1)</script>"] + ["b"] * 29
    html = recipe.batch(noise(30, 20, 24), labels=labels, seed=3)._repr_html_()
    assert "<script>" not in html and "label &lt;script&gt;" in html
    assert "30 images (20, 24, 3) float32" in html and "the first 12 of them" in html and "seed 3" in html
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert len(found) == html.count("rotate +5.0°") == 12
    first = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[0]))))
    batch = recipe.batch(noise(30, 20, 24), seed=3)
    assert np.array_equal(first, batch.pixels()[0].repeat(6, axis=0).repeat(6, axis=1))
    assert "data:image/png" in recipe.batch(noise(2, 9, 9), seed=0, layout="NCHW")._repr_html_()


def test_a_recipe_in_a_notebook() -> None:
    def evil(image: np.ndarray) -> np.ndarray:
        return image

    evil.__qualname__ = "<b>evil</b>"
    recipe = af.Recipe(
        [af.Rotate(20), af.HorizontalFlip(), af.Lambda(evil), af.RandomResizedCrop(32), af.Normalize()], fill="wrap"
    )
    html = recipe._repr_html_()
    assert "Rotate, HorizontalFlip -&gt; 1 warp" in html and "fill=&#x27;wrap&#x27;" in html
    assert "degrees=(-20, 20) degrees" in html and '<td style="text-align:left">0.5</td>' in html
    assert "Resize, CenterCrop" in html and html.count("left out") == 2 and "kept" in html
    assert "<b>evil" not in html and "&lt;b&gt;evil" in html
    assert html.count("<tr>") == 1 + 5
    assert "Recipe" in af.Recipe()._repr_html_() and "<table>" not in af.Recipe()._repr_html_()
    grey = af.Recipe([af.Normalize(mean=(0.5,) * 4, std=(0.5,) * 4)], value_range=(-1, 1))._repr_html_()
    assert "write 224x224x4 float32" in grey, "shown for as many channels as it takes"
    problem = af.Recipe(fill_value=(1, 2))._repr_html_()
    assert "fill_value: got 2 numbers for images with 3 channel(s)" in problem


# --- the sheet --------------------------------------------------------------------------------------------------------


def recipe_file(path: Path, *transforms: af.Transform) -> Path:
    path.write_text(af.Recipe(list(transforms)).to_yaml(), encoding="utf-8")
    return path


def test_rows_are_what_the_loader_feeds() -> None:
    source = af.from_arrays(noise(9, 16, 20), np.arange(9) % 3, classes=("a", "b", "c"))
    recipe = af.Recipe([af.Rotate(30), af.HorizontalFlip(), af.Normalize()])
    first, second = sheet.rows(source, [("r", recipe)], [7, 2], copies=3, seed=5, epoch=10)
    assert first.label.split("\n") == ["b", "image 7", "16x20x3"] and second.label.startswith("c\nimage 2")
    for position, row in ((7, first), (2, second)):
        assert np.array_equal(row.cells[0].image, source[position].image), "evaluation leaves it as it is"
        for copy, cell in enumerate(row.cells[1:]):
            loader = af.Loader(source, recipe, batch_size=4, seed=5)  # shuffled, as in training
            batches = [b for b in loader.stream(10 + copy) if position in b.indices]
            (place,) = np.flatnonzero(batches[0].indices == position)
            assert np.array_equal(cell.image, batches[0].pixels()[place])
            assert cell.words == batches[0].caption(int(place)).split("\n")[1]
            assert cell.values[0] < 0 < cell.values[1]


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        (noise(2, 16, 20, 1), {}),
        (noise(2, 16, 20, 2), {}),
        (noise(2, 16, 20, 4), {}),
        (noise(2, 16, 20, 6), {}),
        (noise(2, 16, 20, 3, "uint16"), {}),
        (noise(2, 16, 20, 3, "float32"), {}),
        (noise(2, 16, 20, 3, "float32") * 2 - 1, {"value_range": (-1, 1)}),
    ],
    ids=["grey", "two", "rgba", "six", "uint16", "float", "float -1..1"],
)
def test_sources_of_every_kind(pixels: np.ndarray, options: dict[str, Any]) -> None:
    source = af.from_arrays(pixels, **options)
    recipe = af.Recipe([af.Rotate((20, 20)), af.Brightness((0.5, 0.5)), af.ToFloat()])
    rows = sheet.rows(source, [("r", recipe)], [0, 1], copies=2, seed=0, epoch=0)
    low, high = options.get("value_range", (0, {"uint8": 255, "uint16": 65535, "float32": 1}[pixels.dtype.name]))
    unit = (pixels[0].astype(np.float64) - low) / (high - low)
    shown = rows[0].cells[0].image
    assert shown.dtype == np.uint8 and shown.shape == (16, 20, 3)
    if pixels.shape[3] != 4:
        wanted = np.rint(unit[..., : 3 if pixels.shape[3] >= 3 else 1] * 255)
        assert np.abs(shown - wanted).max() <= 1
    assert rows[1].label == f"image 1\n16x20x{pixels.shape[3]}"
    lines = sheet.head("some", rows, ["r"], seed=0)
    assert lines[0] == "some: seed 0, epochs 0 to 1" and lines[2].startswith("A model receives 0")
    page = sheet.draw(lines, rows, 64)
    assert page.dtype == np.uint8 and page.ndim == 3


def test_the_head_says_what_a_model_is_fed() -> None:
    source = af.from_arrays(noise(2, 16, 20))
    told = {}
    for end in ((), (af.Normalize(0.5, 0.5),), (af.PerImageStandardize(),)):
        rows = sheet.rows(source, [("r", af.Recipe([af.Rotate(), *end]))], [0], copies=1, seed=0, epoch=3)
        told[end] = sheet.head("t", rows, ["r"], seed=0)
        assert told[end][0] == "t: seed 0, epoch 3"
        assert told[end][1].startswith("r: Rotate -> 1 warp; ")
    plain, normalized, standardized = (lines[2] for lines in told.values())
    assert re.fullmatch(r"A model receives \d to 25\d; nothing normalises\.", plain)
    assert re.fullmatch(
        r"A model receives -(1|0\.9\d+) to (1|0\.9\d+); for the pictures Normalize is undone\.", normalized
    )
    assert "PerImageStandardize cannot be undone, so each picture is stretched over its own range" in standardized


def test_positions_are_spread() -> None:
    assert sheet.spread(100, 4) == [0, 33, 66, 99] and sheet.spread(2, 4) == [0, 1] and sheet.spread(1, 3) == [0]


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k, name in enumerate(("cats <&>", "dogs")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(noise(1, 30 + i, 40, seed=9 * k + i)[0]).save(tmp_path / "data" / name / f"{i}.png")
    return tmp_path / "data"


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG" and image.mode == "RGB"
        return np.asarray(image)


def test_preview_writes_the_page_and_says_what_it_is(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = recipe_file(tmp_path / "r.yaml", af.Resize(24), af.Rotate(20), af.HorizontalFlip(), af.Normalize())
    out = tmp_path / "grid.png"
    arguments = ["preview", str(folder), "--recipe", str(recipe), "--out", str(out), "--images", "2", "--copies", "3"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "data: seed 0, epochs 0 to 2"
    assert lines[1] == "r.yaml: Resize, Rotate, HorizontalFlip -> 1 warp; Normalize -> write 24x24x3 float32"
    page = opened(out)
    assert lines[3] == f"{out}: {page.shape[1]}x{page.shape[0]} pixels"
    source = af.from_directory(folder)
    loader = af.Loader(source, af.Recipe.from_yaml(recipe.read_text()), batch_size=1, seed=0, shuffle=False)
    picture = loader.fetch(1, 0).pixels()[0].repeat(6, axis=0).repeat(6, axis=1)  # 24 pixels shown as 144 of 160
    windows = np.lib.stride_tricks.sliding_window_view(page[:, :, 0], picture.shape[:2])[::1, ::1]
    corner = np.argwhere((windows[:, :, 0, 0] == picture[0, 0, 0]) & (windows[:, :, -1, -1] == picture[-1, -1, 0]))
    assert any(np.array_equal(page[y : y + 144, x : x + 144], picture) for y, x in corner)
    before = out.read_bytes()
    assert main(arguments) == 0 and out.read_bytes() == before, "a function of seed, epoch and position"
    assert main([*arguments, "--seed", "1"]) == 0 and out.read_bytes() != before


def test_compare_shows_the_same_positions_through_each_recipe(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mild = recipe_file(tmp_path / "mild.yaml", af.Resize(24), af.Rotate(5))
    (tmp_path / "other").mkdir()
    strong = recipe_file(tmp_path / "other" / "strong.yaml", af.Resize(24), af.Rotate(90))
    out = tmp_path / "grid.png"
    common = ["preview", str(folder), "--out", str(out), "--index", "1,5", "--copies", "2"]
    heights = []
    for arguments in (
        ["--recipe", str(mild), "--compare", str(strong)],
        ["--compare", str(mild), str(strong)],
        ["--compare", str(strong)],
        ["--recipe", str(mild)],
    ):
        assert main([*common, *arguments]) == 0
        heights.append(opened(out).shape[0])
        lines = capsys.readouterr().out.splitlines()
        names = [line.split(":")[0] for line in lines[1:-1:2]]
        assert (
            names
            == {
                "--recipe": ["mild.yaml"] if "--compare" not in arguments else ["mild.yaml", "strong.yaml"],
                "--compare": ["mild.yaml", "strong.yaml"] if len(arguments) == 3 else ["default recipe", "strong.yaml"],
            }[arguments[0]]
        )
    assert heights[0] == heights[1] > heights[3]
    again = recipe_file(tmp_path / "other" / "mild.yaml", af.Resize(24), af.Rotate(6))
    assert main([*common, "--compare", str(mild), str(again)]) == 0
    assert f"\n{again}: " in capsys.readouterr().out, "two files of one name are told apart by their folders"


def test_preview_of_digits_one_image_and_other_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p.png"
    photo = tmp_path / "photo.png"
    Image.fromarray(noise(1, 300, 500)[0]).save(photo)
    assert main(["preview", str(photo), "--out", str(out), "--copies", "1"]) == 0
    assert "photo.png: seed 0, epoch 0" in capsys.readouterr().out
    sixteen = tmp_path / "sixteen.png"
    Image.fromarray(noise(1, 30, 50, 1, "uint16")[0, :, :, 0]).save(sixteen)
    recipe = recipe_file(tmp_path / "r.yaml", af.HorizontalFlip())
    assert main(["preview", str(sixteen), "--recipe", str(recipe), "--out", str(out), "--color", "grayscale"]) == 0
    assert "write 30x50x1 float32" in capsys.readouterr().out
    assert main(["preview", str(sixteen), "--recipe", str(recipe), "--out", str(out), "--size", "20x24"]) == 0
    assert "write 20x24x3 float32" in capsys.readouterr().out
    pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
    assert main(["preview", "--out", str(out)]) == 0
    assert "handwritten digits" in capsys.readouterr().out


def test_images_of_different_sizes_need_no_resize_to_be_looked_at(folder: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path / "r.yaml", af.RandomWidth(), af.Rotate())
    assert main(["preview", str(folder), "--recipe", str(recipe), "--out", str(tmp_path / "p.png")]) == 0


def test_what_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "p.png")]
    recipe = recipe_file(tmp_path / "r.yaml", af.Rotate())
    for arguments, message in (
        ([str(folder), "--out", "p.jpg"], "--out: got p.jpg, wanted the name of a .png file"),
        ([str(folder), *out, "--index", "0,8"], "--index: got '0,8', wanted positions in the data, 0..7"),
        ([str(folder), *out, "--index", "a"], "--index: got 'a'"),
        ([str(folder), *out, "--index=-1"], "--index: got '-1'"),
        ([str(folder), *out, "--images", "0"], "--images: got 0"),
        ([str(folder), *out, "--copies", "0"], "--copies: got 0"),
        ([str(folder), *out, "--cell", "3"], "--cell: got 3"),
        ([str(folder), *out, "--cell", "100000"], "--cell: got 100000"),
        ([str(folder), *out, "--copies", "1000000000"], "million pixels"),
        ([str(folder), *out, "--seed=-1"], "seed: got -1"),
        ([str(folder), *out, "--epoch=-1"], "epoch: got -1"),
        ([str(folder), *out, "--size", "big"], "--size: got 'big'"),
        ([str(tmp_path / "none"), *out], "no such file or folder"),
        ([str(tmp_path / "none.jpg"), *out], "no such file"),
        ([str(folder), *out, "--recipe", str(tmp_path / "no.yaml")], "no such recipe file"),
        ([str(folder), *out, "--compare", str(tmp_path / "no.yaml")], "no such recipe file"),
    ):
        assert main(["preview", *arguments]) == 2, arguments
        captured = capsys.readouterr()
        assert message in captured.err and "Traceback" not in captured.err and captured.out == ""
    assert not (tmp_path / "p.png").exists()
    assert main(["preview", str(folder), "--recipe", str(recipe), "--out", str(tmp_path / "no" / "p.png")]) == 2
    assert f"there is no folder {tmp_path / 'no'}" in capsys.readouterr().err
    (tmp_path / "bad.png").write_bytes(b"not an image")
    assert main(["preview", str(tmp_path / "bad.png"), *out]) == 1
    assert "bad.png: not an image format" in capsys.readouterr().err


@pytest.mark.skipif(not (PHOTOS / "cats_dogs").is_dir(), reason="no photographs: set AUGFUSE_TEST_DATA")
def test_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = recipe_file(tmp_path / "r.yaml", af.RandomResizedCrop(96), af.ColorJitter(), af.Normalize())
    out = tmp_path / "p.png"
    assert (
        main(["preview", str(PHOTOS / "cats_dogs"), "--recipe", str(recipe), "--out", str(out), "--images", "2"]) == 0
    )
    assert "cats_dogs, train part" in capsys.readouterr().out
    assert opened(out).shape[1] > 7 * 96
