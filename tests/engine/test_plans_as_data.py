"""Plans as bytes: read again they do the same; what is not a plan is refused before it is used."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_composition_everywhere import TREE

import augfuse as af
from augfuse.transforms.base import Transform
from oracles import batch_of, labels_of, pictures, random_recipes
from places import HELPERS
from trees import bodies, ends

resource = pytest.importorskip("resource", reason="counts the memory of this process")


def parts(batch: af.Batch) -> dict[str, np.ndarray]:
    """All images of a batch."""
    return {"": batch.images, **{name: view.images for name, view in batch.views.items()}}


def assert_same(one: af.Batch, other: af.Batch) -> None:
    first, second = parts(one), parts(other)
    assert list(first) == list(second)
    for name in first:
        assert first[name].dtype == second[name].dtype and np.array_equal(first[name], second[name])


class TestSameBytes:
    @random_recipes
    @settings(max_examples=100)
    @given(
        bodies(most=3), ends(), st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1),
        st.sampled_from(["uint8", "uint16", "float32"]), st.sampled_from(["nearest", "constant"]),
    )  # fmt: skip
    def test_of_random_trees(
        self, body: list[Transform], end: list[Transform], seed: int, epoch: int, dtype: str, fill: str
    ) -> None:
        images = pictures(3, 40, 44, 3, dtype)
        recipe = af.Recipe([*body, af.Resize(24), *end], fill=fill, fill_value=(0.1, 0.2, 0.3))
        batch = batch_of(recipe, images, seed=seed, epoch=epoch, indices=[5, 2**40, 0])
        data = batch.plan.to_bytes()
        plan = af.Plan.from_bytes(data)
        assert_same(recipe.replay(plan, images=images), batch)
        assert plan.to_bytes() == data
        assert (plan.seed, plan.epoch, plan.indices.tolist()) == (seed, epoch, [5, 2**40, 0])
        assert all(plan.describe(i) == batch.plan.describe(i) for i in range(3))

    @pytest.mark.parametrize("dtype", [None, "uint8", "float32"])
    @pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
    def test_dtypes_layouts_and_memory_given(self, dtype: Any, layout: Any) -> None:
        images = pictures(3, 20, 24)
        recipe = af.Recipe([af.OneOf([af.Rotate(20), af.GaussianNoise()])])
        batch = recipe.batch(images, seed=1, dtype=dtype, layout=layout)
        plan = af.Plan.from_bytes(batch.plan.to_bytes())
        out = np.empty_like(batch.images)
        again = recipe.replay(plan, images, labels=[1, 2, 3], layout=layout, out=out, workers=2)
        assert again.images is out and again.labels == [1, 2, 3]
        assert_same(again, batch)

    def test_images_of_different_sizes(self) -> None:
        images = [pictures(1, h, w, 3, seed=h)[0] for h, w in ((20, 30), (40, 20), (16, 16))]
        recipe = af.Recipe([af.RandomOrder([af.Rotate(20), af.Translate(0.2)]), af.RandomResizedCrop(12)])
        batch = recipe.batch(images, seed=1)
        assert_same(recipe.replay(af.Plan.from_bytes(batch.plan.to_bytes()), images), batch)

    def test_of_views_and_of_one_view(self) -> None:
        images = pictures(4, 20, 20)
        batch = TREE.batch(images, [0, 1, 2, 1], seed=3)
        again = TREE.replay(af.Plan.from_bytes(batch.plan.to_bytes()), images)
        assert_same(again, batch)
        assert list(again.views) == ["a", "b", "c"]
        for name, view in batch.views.items():
            plan = af.Plan.from_bytes(view.plan.to_bytes())
            assert plan.to_bytes() == view.plan.to_bytes() and plan.view == name
            one = TREE.replay(plan, images)
            assert np.array_equal(one.images, view.images) and not one.views
            assert plan.describe(2) == view.plan.describe(2)

    def test_of_evaluation(self) -> None:
        images = pictures(2, 20, 20)
        batch = TREE.batch(images, seed=0, training=False)
        assert_same(TREE.replay(af.Plan.from_bytes(batch.plan.to_bytes()), images), batch)

    @pytest.mark.parametrize("one_hot", [False, True])
    def test_of_a_loader(self, one_hot: bool) -> None:
        images = pictures(10, 20, 20)
        data = af.from_arrays(images, labels_of(np.arange(10)), classes=("cow", "cat", "dog"))
        for batch in af.Loader(data, TREE, 4, seed=0, one_hot=one_hot):
            plan = af.Plan.from_bytes(batch.plan.to_bytes())
            assert_same(TREE.replay(plan, images[batch.indices]), batch)

    def test_of_data_that_declare_their_range(self) -> None:
        images = pictures(6, 20, 20, 3, "float32") * np.float32(9)
        recipe = af.Recipe([af.Brightness((0.5, 0.9)), af.Invert()])
        for batch in af.Loader(af.from_arrays(images, value_range=(0, 9)), recipe, 4, seed=0):
            plan = af.Plan.from_bytes(batch.plan.to_bytes())
            assert_same(recipe.replay(plan, images[batch.indices]), batch)

    def test_in_another_process(self, tmp_path: Path) -> None:
        images = pictures(4, 20, 20)
        batch = TREE.batch(images, [0, 1, 2, 1], epoch=1)
        (tmp_path / "plan").write_bytes(batch.plan.to_bytes())
        (tmp_path / "recipe.yaml").write_text(TREE.to_yaml())
        code = """
            import sys; sys.path.insert(0, sys.argv[1])
            from pathlib import Path
            import augfuse as af, numpy as np
            from oracles import pictures
            here = Path(sys.argv[2])
            plan = af.Plan.from_bytes((here / "plan").read_bytes())
            recipe = af.Recipe.from_yaml((here / "recipe.yaml").read_text())
            batch = recipe.replay(plan, images=pictures(4, 20, 20))
            np.savez(here / "out.npz", **{name: view.images for name, view in batch.views.items()})
            print(batch.caption(0))
        """
        command = [sys.executable, "-c", textwrap.dedent(code), str(HELPERS), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        found = np.load(tmp_path / "out.npz")
        assert all(np.array_equal(found[name], view.images) for name, view in batch.views.items())
        assert done.stdout.strip() == batch.caption(0).partition("\n")[2]

    def test_functions_are_found_by_their_names(self) -> None:
        recipe = af.Recipe([af.Sequential([af.Lambda(darker), af.Rotate(20)])])
        images = pictures(2, 9, 9)
        batch = recipe.batch(images, seed=0)
        assert_same(recipe.replay(af.Plan.from_bytes(batch.plan.to_bytes()), images), batch)
        nameless = af.Recipe([af.Lambda(lambda image: image)]).batch(images, seed=0).plan
        with pytest.raises(af.RecipeError, match=r"Lambda\.fn: got .*lambda.*, which has no name to write down"):
            nameless.to_bytes()

    def test_bytes_of_any_kind(self) -> None:
        plan = af.Recipe([af.Rotate(20)]).batch(pictures(2, 9, 9), seed=0).plan
        data = plan.to_bytes()
        for given_ in (bytearray(data), memoryview(data)):
            assert af.Plan.from_bytes(given_).to_bytes() == data  # type: ignore[arg-type]


def darker(image: np.ndarray) -> np.ndarray:
    return image * np.float32(0.5)


IMAGES = pictures(3, 16, 16)
RECIPE = af.Recipe(
    [
        af.OneOf([af.Rotate90(p=1, quarters=(1, 3)), af.Rotate(20), af.Erase(p=1)]),
        af.SomeOf([af.GaussianBlur((1, 2)), af.GaussianNoise(), af.ColorJitter()], (1, 2)),
        af.RandomOrder([af.Shear(4), af.Invert()]),
        af.When(labels=[1], transforms=[af.HorizontalFlip(p=1)]),
        af.RandomCrop(12),
    ]
)
GOOD = RECIPE.batch(IMAGES, [0, 1, 2], seed=9).plan.to_bytes()
HEAD = GOOD.index(b"\n") + 1


class TestNotAPlan:
    @pytest.mark.parametrize("data", [None, 5, "text", [1], np.zeros(3)])
    def test_no_bytes(self, data: Any) -> None:
        with pytest.raises(af.RecipeError, match=r"plan: got \w+, wanted the bytes of plan\.to_bytes\(\)"):
            af.Plan.from_bytes(data)

    @pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"augfuse-plan", b"augfuse-plan\n", bytes(500), GOOD[1:]])
    def test_garbage(self, data: bytes) -> None:
        with pytest.raises(af.RecipeError, match=r"plan: (got bytes that begin with|the bytes are cut or damaged)"):
            af.Plan.from_bytes(data)

    def test_every_cut(self) -> None:
        for length in range(0, len(GOOD), 3):
            with pytest.raises(af.RecipeError, match="plan: "):
                af.Plan.from_bytes(GOOD[:length])
        with pytest.raises(af.RecipeError, match=r"cut or damaged\. Write them again, with plan\.to_bytes"):
            af.Plan.from_bytes(GOOD + b"\0")

    def test_every_flipped_byte(self) -> None:
        chance = random.Random(0)
        for at in range(0, len(GOOD), 2):
            data = bytearray(GOOD)
            data[at] ^= chance.randrange(1, 256)
            with pytest.raises(af.RecipeError, match="plan: "):
                af.Plan.from_bytes(bytes(data))

    def test_too_long(self) -> None:
        with pytest.raises(af.RecipeError, match=r"plan: got 268,435,457 bytes, wanted at most 268,435,456"):
            af.Plan.from_bytes(bytes(2**28 + 1))


def forged(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The plan with other contents and a digest that fits them."""
    body = msgspec.msgpack.decode(GOOD[HEAD + 16 :])
    other = change(body)
    encoded = msgspec.msgpack.encode(body if other is None else other)
    return GOOD[:HEAD] + blake2b(encoded, digest_size=16).digest() + encoded


def node(body: dict[str, Any], path: str) -> list[Any]:
    return next(found for found in body["nodes"] if found[0] == path)


def param(path: str, name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Change what was drawn: `value` for every image."""

    def change(body: dict[str, Any]) -> None:
        dtype, shape, data = node(body, path)[2][name]
        array = np.frombuffer(data, dtype).reshape(shape).copy()
        array[...] = value
        node(body, path)[2][name] = [dtype, shape, array.tobytes()]

    return change


def put(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        body[name] = value

    return change


def array(values: Any, dtype: str = "int64") -> list[Any]:
    found = np.asarray(values, dtype)
    return [dtype, list(found.shape), found.tobytes()]


def setting(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        body["settings"][name] = value

    return change


def nested(depth: int) -> Any:
    found: Any = "Rotate"
    for _ in range(depth):
        found = {"Sequential": {"transforms": [found]}}
    return found


def many(kind: dict[str, Any], width: int, depth: int) -> Any:
    """Transforms in transforms: `width` ** `depth` of them, as bytes that are short."""
    found: Any = {"Rotate": {}}
    for _ in range(depth):
        ((name, fields),) = kind.items()
        found = {name: {**fields, "transforms": [found] * width}}
    return found


def first(path: str, change: Callable[[list[Any]], Any]) -> Callable[[dict[str, Any]], None]:
    return lambda body: change(node(body, path))


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda body: [1, 2],
    "a number": lambda body: 5,
    "nothing": lambda body: {},
    "no version": lambda body: {k: v for k, v in body.items() if k != "version"},
    "another version": put("version", 2),
    "a version of another type": put("version", [1]),
    "no nodes": put("nodes", []),
    "a node less": lambda body: {**body, "nodes": body["nodes"][:-1]},
    "a node more": lambda body: {**body, "nodes": [*body["nodes"], body["nodes"][0]]},
    "nodes in another order": lambda body: {**body, "nodes": body["nodes"][::-1]},
    "an unknown field": put("extra", 1),
    "an unknown transform": put("transforms", ["Explode"]),
    "a module": put("transforms", [{"os.system": {"command": "true"}}]),
    "a function of nobody": put("transforms", [{"Lambda": {"fn": "os:system"}}]),
    "a transform with wild fields": put("transforms", [{"Rotate": {"degrees": [0, 1e300]}}]),
    "a transform with NaN": put("transforms", [{"Rotate": {"degrees": [float("nan"), 1]}}]),
    "a transform with a list for a number": put("transforms", [{"Rotate": {"p": [[[]]]}}]),
    "no list of transforms": put("transforms", {"Rotate": {}}),
    "transforms with odd keys": put("transforms", [{5: {}}]),
    "transforms with bytes": put("transforms", [{"Rotate": {"degrees": b"\xff"}}]),
    "something behind the write": put("transforms", ["ToFloat", "Rotate"]),
    "deep": put("transforms", [nested(300)]),
    "far too many orders": put("transforms", [many({"RandomOrder": {}}, 4, 7)]),
    "far too many rounds": put("transforms", [many({"SomeOf": {"n": 20, "replace": True}}, 5, 4)]),
    "no images": put("indices", array([])),
    "another number of sizes": put("height", array([16, 16])),
    "a negative index": put("indices", array([0, 1, -1])),
    "indices that are floats": put("indices", array([0.0, 1, 2], "float64")),
    "indices of two axes": put("indices", array([[0], [1], [2]])),
    "indices of an unknown dtype": put("indices", ["object", [3], bytes(24)]),
    "indices of a negative shape": put("indices", ["int64", [-1], bytes(24)]),
    "an empty array of a huge shape": put("indices", ["int64", [0, 2**62], b""]),
    "indices of a shape that is too large": put("indices", ["int64", [2**62], bytes(24)]),
    "indices with a byte too few": put("indices", ["int64", [3], bytes(23)]),
    "a height of 0": put("height", array([16, 0, 16])),
    "a negative height": put("height", array([16, -16, 16])),
    "a huge height": put("height", array([16, 2**62, 16])),
    "no channels": put("channels", 0),
    "negative channels": put("channels", -3),
    "too many channels": put("channels", 2**40),
    "two channels for what mixes three": put("channels", 2),
    "images of an unknown dtype": put("images", "float64"),
    "an output of an unknown dtype": put("output", "object"),
    "an output that does not fit": put("output", "uint16"),
    "a seed below 0": put("seed", -1),
    "a seed of another type": put("seed", "9"),
    "another seed": put("seed", 10),
    "an epoch below 0": put("epoch", -1),
    "an epoch that is too large": put("epoch", 2**63),
    "a view that it does not have": put("view", "a"),
    "a fill that is none": setting("fill", "mirror"),
    "a fill colour that is not finite": setting("fill_value", [float("inf")]),
    "a fill colour of five": setting("fill_value", [1.0, 2.0, 3.0, 4.0, 5.0]),
    "no fill colour": setting("fill_value", []),
    "an interpolation that is none": setting("interpolation", "cubic"),
    "a value range upside down": setting("value_range", [9.0, 1.0]),
    "a value range that is NaN": setting("value_range", [0.0, float("nan")]),
    "a value range beyond the dtype": setting("value_range", [-1.0, 300.0]),
    "quarters out of range": param("OneOf#0/Rotate90#0", "quarters", 77),
    "quarters below 0": param("OneOf#0/Rotate90#0", "quarters", -1),
    "a choice out of range": param("OneOf#0", "choice", 9),
    "a choice below 0": param("OneOf#0", "choice", -1),
    "times out of range": param("SomeOf#0", "times", 1000),
    "an order that is none": param("RandomOrder#0", "order", 0),
    "an order out of range": param("RandomOrder#0", "order", -5),
    "degrees that are NaN": param("OneOf#0/Rotate#0", "degrees", np.nan),
    "degrees out of range": param("OneOf#0/Rotate#0", "degrees", 1e300),
    "an erased part outside": param("OneOf#0/Erase#0", "x", -9.0),
    "an erased part of a huge size": param("OneOf#0/Erase#0", "area", 1e300),
    "a crop outside": param("RandomCrop#0", "x", 5.0),
    "a crop far outside": param("RandomCrop#0", "y", -1e18),
    "a blur of the whole world": param("SomeOf#0/GaussianBlur#0", "sigma", 1e9),
    "noise without end": param("SomeOf#0/GaussianNoise#0", "std", np.inf),
    "draws of another dtype": first(
        "OneOf#0/Rotate#0", lambda n: n[2].update(degrees=array([1, 2, 3]))
    ),
    "draws of another shape": first(
        "OneOf#0/Rotate#0", lambda n: n[2].update(degrees=array([[1.0], [2], [3]], "float64"))
    ),
    "draws for fewer images": first("OneOf#0/Rotate#0", lambda n: n[2].update(degrees=array([1.0, 2], "float64"))),
    "draws that the transform does not make": first("OneOf#0/Rotate#0", lambda n: n[2].update(x=array([1, 2, 3]))),
    "no draws": first("OneOf#0/Rotate#0", lambda n: n[2].clear()),
    "draws of another path": first("OneOf#0/Rotate#0", lambda n: n.__setitem__(0, "OneOf#0/Rotate#1")),
    "activity of another shape": first("OneOf#0", lambda n: n.__setitem__(1, array([[True]], "bool"))),
    "activity of another dtype": first("OneOf#0", lambda n: n.__setitem__(1, array([1, 0, 1]))),
}  # fmt: skip


class TestForged:
    """Anyone can make a digest that fits."""

    def test_the_forger_forges(self) -> None:
        assert forged(lambda body: None) == GOOD
        assert_same(RECIPE.replay(af.Plan.from_bytes(forged(lambda body: None)), IMAGES),
                    RECIPE.batch(IMAGES, [0, 1, 2], seed=9))  # fmt: skip

    @pytest.mark.parametrize("name", list(HOSTILE))
    def test_contents_that_no_plan_has_are_refused(self, name: str) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(af.AugfuseError):
            af.Plan.from_bytes(forged(HOSTILE[name]))
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes

    def test_another_version_says_so(self) -> None:
        with pytest.raises(af.RecipeError, match=r"plan: got version 2, wanted 1\. Use the augfuse that wrote it"):
            af.Plan.from_bytes(forged(HOSTILE["another version"]))

    def test_very_many_images_are_refused_before_anything_is_drawn(self) -> None:
        def change(body: dict[str, Any]) -> dict[str, Any]:
            n = 3_000_000
            ones = array(np.ones(n, np.int64))
            return {**body, "indices": ones, "height": ones, "width": ones, "transforms": ["Erase"] * 100}

        data = forged(change)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(af.RecipeError, match=r"plan: got 3,000,000 images with 100 transforms .*smaller batches"):
            af.Plan.from_bytes(data)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000

    def test_what_may_differ_changes_no_draw(self) -> None:
        """Whether a transform acts follows from labels too, which a plan does not keep: any pattern is good."""
        every = param("When#0", "match", True)

        def change(body: dict[str, Any]) -> None:
            every(body)
            node(body, "When#0/HorizontalFlip#0")[1] = array([True] * 3, "bool")

        plan = af.Plan.from_bytes(forged(change))
        assert_same(RECIPE.replay(plan, IMAGES), RECIPE.batch(IMAGES, [1, 1, 1], seed=9))

    @settings(max_examples=200)
    @given(st.data())
    def test_any_change_of_the_encoded_body(self, data: st.DataObject) -> None:
        """Bytes of the body changed at random, with a digest that fits: refused, or a plan that can be done."""
        body = bytearray(GOOD[HEAD + 16 :])
        for _ in range(data.draw(st.integers(1, 4))):
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        try:
            plan = af.Plan.from_bytes(GOOD[:HEAD] + blake2b(body, digest_size=16).digest() + bytes(body))
            batch = RECIPE.replay(plan, IMAGES)
        except af.AugfuseError:
            return
        assert batch.images.shape == (3, 12, 12, 3)


class TestOtherImagesAndRecipes:
    PLAN = af.Plan.from_bytes(GOOD)

    @pytest.mark.parametrize(
        ("images", "words"),
        [
            (IMAGES[:2], r"images: got 2 for a plan of 3, wanted as many"),
            (pictures(3, 16, 17), r"images\[0\]: got 16x17x3 uint8 for a plan of 16x16x3 uint8, wanted the images"),
            ([*IMAGES[:2], pictures(1, 9, 16)[0]], r"images\[2\]: got 9x16x3 uint8 for a plan of 16x16x3 uint8"),
            (pictures(3, 16, 16, 1), r"images\[0\]: got 16x16x1 uint8 for a plan of 16x16x3 uint8"),
            (pictures(3, 16, 16, 4), r"images\[0\]: got 16x16x4 uint8"),
            (pictures(3, 16, 16, 3, "float32"), r"images\[0\]: got 16x16x3 float32 for a plan of 16x16x3 uint8"),
            (pictures(3, 16, 16, 3, "uint16"), r"images\[0\]: got 16x16x3 uint16"),
        ],
    )
    def test_other_images(self, images: Any, words: str) -> None:
        with pytest.raises(af.ImageError, match=words):
            RECIPE.replay(self.PLAN, images)

    def test_values_out_of_range(self) -> None:
        recipe = af.Recipe([af.Rotate(20)])
        plan = recipe.batch(pictures(1, 8, 8, 3, "float32"), seed=0).plan
        for wrong in (np.full((1, 8, 8, 3), 2, np.float32), np.full((1, 8, 8, 3), np.nan, np.float32)):
            with pytest.raises(af.AugfuseError):
                recipe.replay(plan, wrong)

    @pytest.mark.parametrize(
        "other",
        [
            af.Recipe(), af.Recipe([af.Rotate(20)]), af.Recipe(RECIPE.transforms[:-1]), RECIPE.scaled(0.5),
            af.Recipe([af.Sequential(RECIPE.transforms)]), af.Recipe([af.Views(a=RECIPE.transforms)]),
        ],
        ids=range(6),
    )  # fmt: skip
    def test_a_plan_of_another_recipe(self, other: af.Recipe) -> None:
        with pytest.raises(af.RecipeError, match=r"plan: got one of a recipe of other transforms \(OneOf, SomeOf, .*"
                           r"wanted one of this recipe .*Use the recipe that made it"):  # fmt: skip
            other.replay(self.PLAN, IMAGES)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"fill": "reflect"}, "fill='nearest', wanted fill='reflect'"),
            ({"fill_value": 3}, r"fill_value=\(0.0,\), wanted fill_value=\(3.0,\)"),
            ({"interpolation": "nearest"}, "interpolation='bilinear', wanted interpolation='nearest'"),
            ({"value_range": (0, 200)}, r"value_range=None, wanted value_range=\(0.0, 200.0\)"),
        ],
    )
    def test_a_plan_of_a_recipe_with_other_options(self, options: dict[str, Any], words: str) -> None:
        with pytest.raises(af.RecipeError, match=f"plan: got one of a recipe with {words} as in this recipe"):
            af.Recipe(RECIPE.transforms, **options).replay(self.PLAN, IMAGES)

    @pytest.mark.parametrize("plan", [None, GOOD, {}, RECIPE])
    def test_no_plan(self, plan: Any) -> None:
        with pytest.raises(af.ImageTypeError, match=r"plan: got \w+, wanted an af\.Plan\. Use af\.Plan\.from_bytes"):
            RECIPE.replay(plan, IMAGES)

    def test_labels_and_memory(self) -> None:
        with pytest.raises(af.ImageError, match="labels: got 2 for 3 images"):
            RECIPE.replay(self.PLAN, IMAGES, labels=[1, 2])
        with pytest.raises(af.ImageTypeError, match="out: got"):
            RECIPE.replay(self.PLAN, IMAGES, out=np.empty((3, 12, 12, 3), np.float32))
