"""Trees of transforms in all places that transforms go to: files, words, evaluation, loaders, Keras, processes."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augfuse as af
from augfuse.transforms.base import Compose, Transform
from augfuse.transforms.children import inside
from augfuse.transforms.custom import reverse_channels
from oracles import labels_of, pictures, random_recipes, siblings
from places import HELPERS
from trees import bodies, ends

TREE = af.Recipe(
    [
        af.Rotate((10, 20)),
        af.OneOf([af.Brightness((1.1, 1.3)), af.Sequential([af.Invert(p=1), af.HorizontalFlip(p=1)])], weights=(2, 1)),
        af.SomeOf([af.Shear((2, 5)), af.GaussianBlur((1, 2)), af.GaussianNoise()], (1, 2), p=0.8),
        af.SomeOf([af.Shear((2, 5))], 2, replace=True),
        af.RandomOrder([af.Translate(0.1), af.Contrast((0.5, 0.7))]),
        af.When(labels=[1], transforms=[af.Saturation((0.5, 0.6))]),
        af.Schedule(af.Rotate((20, 40)), strength=(0.5, 1), epochs=3),
        af.Schedule(af.VerticalFlip(), epochs=2, p=(1, 0)),
        af.Barrier(),
        af.Views(a=[af.RandomCrop(12), af.Normalize(0.5, 0.25)], b=[], c=[af.OneOf([af.Hue(0.3), af.Invert(p=1)])]),
    ]
)  # fmt: skip


def digest(batches: Any) -> str:
    """Of all that comes out of these batches."""
    found = hashlib.sha256()
    for batch in batches:
        for part in (batch, *batch.views.values()):
            found.update(f"{part.images.dtype} {part.images.shape} {part.plan.epoch}".encode())
            for array in (part.images, np.asarray(part.labels), part.indices):
                found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


class TestFiles:
    @random_recipes
    @settings(max_examples=100)
    @given(bodies(most=3), ends())
    def test_round_trips_of_random_trees(self, body: list[Transform], end: list[Transform]) -> None:
        recipe = af.Recipe([*body, *end])
        names = {"af": af, "reverse_channels": reverse_channels}
        for again in (
            af.Recipe.from_yaml(recipe.to_yaml()), af.Recipe.from_dict(recipe.to_dict()),
            pickle.loads(pickle.dumps(recipe)), eval(recipe.to_python(), names),
        ):  # fmt: skip
            assert again == recipe and again.fingerprint() == recipe.fingerprint()

    def test_the_tree_in_python(self) -> None:
        assert af.Recipe(TREE.transforms[4:8]).to_python() == textwrap.dedent("""\
            af.Recipe([
                af.RandomOrder(transforms=[af.Translate(), af.Contrast(factor=(0.5, 0.7))]),
                af.When(labels=(1,), transforms=[af.Saturation(factor=(0.5, 0.6))]),
                af.Schedule(transform=af.Rotate(degrees=(20, 40)), strength=(0.5, 1), epochs=3),
                af.Schedule(p=(1, 0), transform=af.VerticalFlip(), epochs=2),
            ])""")

    def test_the_tree_as_people_write_it_in_yaml(self) -> None:
        text = """
        transforms:
        - Rotate: {degrees: [10, 20]}
        - OneOf:
            transforms:
            - Brightness: {factor: [1.1, 1.3]}
            - Sequential: {transforms: [Invert: {p: 1}, HorizontalFlip: {p: 1}]}
            weights: [2, 1]
        - SomeOf:
            transforms: [Shear: {x: [2, 5]}, GaussianBlur: {sigma: [1, 2]}, GaussianNoise]
            n: [1, 2]
            p: 0.8
        - SomeOf: {transforms: [Shear: {x: [2, 5]}], n: 2, replace: yes}
        - RandomOrder: {transforms: [Translate: {x: 0.1}, Contrast: {factor: [0.5, 0.7]}]}
        - When: {labels: [1], transforms: [Saturation: {factor: [0.5, 0.6]}]}
        - Schedule: {transform: {Rotate: {degrees: [20, 40]}}, strength: [0.5, 1], epochs: 3}
        - Schedule: {transform: VerticalFlip, epochs: 2, p: [1, 0]}
        - Barrier
        - Views:
            a: [RandomCrop: {size: 12}, Normalize: {mean: 0.5, std: 0.25}]
            b: []
            c:
            - OneOf: {transforms: [Hue: {turns: 0.3}, Invert: {p: 1}]}
        """
        assert af.Recipe.from_yaml(text) == TREE

    def test_fingerprints_differ_where_trees_do(self) -> None:
        one, two = af.Rotate(20), af.Invert()
        trees = [
            [one, two], [af.Sequential([one, two])], [af.Sequential([one]), two], [af.RandomOrder([one, two])],
            [af.OneOf([one, two])], [af.OneOf([two, one])], [af.OneOf([one, two], weights=(1, 2))],
            [af.OneOf([one, two], p=0.5)], [af.SomeOf([one, two], 1)], [af.SomeOf([one, two], (0, 1))],
            [af.SomeOf([one, two], 1, replace=True)], [af.When(labels=[1], transforms=[one, two])],
            [af.When(labels=["1"], transforms=[one, two])], [af.Schedule(one), two], [af.Schedule(one, (0.5, 1)), two],
            [af.Schedule(one, p=(0, 1)), two], [af.Schedule(one, epochs=3), two],
            [af.Views(a=[one, two])], [af.Views(b=[one, two])], [af.Views(a=[one], b=[two])],
        ]  # fmt: skip
        prints = [af.Recipe(tree).fingerprint() for tree in trees]
        assert len(set(prints)) == len(prints)
        assert [af.Recipe(tree).fingerprint() for tree in trees] == prints

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            (
                """augfuse: 1
transforms:
- Affine:
    degrees: [-20.0, 20.0]
    translate_x: [-0.1, 0.1]
    translate_y: [-0.1, 0.1]
    scale: [0.9, 1.1]
    shear_x: [-5.0, 5.0]
    shear_y: [0.0, 0.0]
    p: 1.0
- HorizontalFlip: {p: 0.5}
- ColorJitter:
    brightness: [0.8, 1.2]
    contrast: [0.8, 1.2]
    saturation: [0.8, 1.2]
    hue: [-0.05, 0.05]
    p: 1.0
- Normalize:
    mean: [0.485, 0.456, 0.406]
    std: [0.229, 0.224, 0.225]
    p: 1.0
fill: nearest
fill_value: [0.0]
interpolation: bilinear
value_range: null
box_format: pascal_voc
""",
                af.Recipe(
                    [
                        af.Affine(degrees=20, translate_x=0.1, translate_y=0.1, scale=0.1, shear_x=5),
                        af.HorizontalFlip(), af.ColorJitter(0.2, 0.2, 0.2, 0.05),
                        af.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
                    ]
                ),
            ),
            (
                """# what people write by hand
transforms:
- RandomResizedCrop: {size: 224, scale: [0.5, 1.0]}
- HorizontalFlip
- Rotate: {degrees: 15, p: 0.7}
- GaussianBlur: {sigma: [0.1, 2.0], p: 0.2}
- Erase
- ToFloat
fill: constant
fill_value: [124, 116, 104]
interpolation: nearest
""",
                af.Recipe(
                    [
                        af.RandomResizedCrop(224, scale=(0.5, 1)), af.HorizontalFlip(), af.Rotate(15, p=0.7),
                        af.GaussianBlur((0.1, 2), p=0.2), af.Erase(), af.ToFloat(),
                    ],
                    fill="constant", fill_value=(124, 116, 104), interpolation="nearest",
                ),
            ),
        ],
        ids=["written", "by hand"],
    )  # fmt: skip
    def test_files_of_before_keep_their_meaning(self, text: str, wanted: af.Recipe) -> None:
        assert af.Recipe.from_yaml(text) == wanted

    def test_as_deep_as_may_be(self) -> None:
        deep: Transform = af.Rotate((30, 30))
        for level in range(7):
            deep = af.Sequential([deep]) if level % 2 else af.OneOf([deep])
        for recipe in (af.Recipe([deep]), af.Recipe([af.Views(a=[deep])])):
            assert af.Recipe.from_yaml(recipe.to_yaml()) == recipe
        images = pictures(2, 12, 12)
        wanted = af.Recipe([af.Rotate((30, 30))]).batch(images, seed=0).images
        assert np.array_equal(af.Recipe([deep]).batch(images, seed=0).images, wanted)
        assert af.Recipe([deep]).eval().transforms == ()
        with pytest.raises(af.RecipeError, match="Sequential: got transforms that are nested 8 levels deep"):
            af.Sequential([af.OneOf([deep])])


class TestWords:
    def test_explain(self) -> None:
        assert TREE.explain((32, 32, 3)).split("\n")[1].split("; ") == [
            "b: Rotate, OneOf/Sequential/HorizontalFlip, SomeOf/Shear -> 1 warp",
            "OneOf/Brightness, OneOf/Sequential/Invert -> 1 matrix",
            "SomeOf/GaussianBlur -> 1 kernel", "SomeOf/GaussianNoise -> 1 kernel",
            "SomeOf#1/Shear, SomeOf#1/2/Shear, RandomOrder/Translate, Schedule/Rotate, Schedule#1/VerticalFlip"
            " -> 1 warp",
            "RandomOrder/Contrast, When/Saturation -> 1 matrix", "Barrier -> 1 kernel", "write 32x32x3 uint8",
        ]  # fmt: skip
        assert (
            TREE.explain((32, 32, 3))
            .split("\n")[0]
            .endswith("RandomCrop -> 1 warp; Normalize -> write 12x12x3 float32")
        )
        assert len(TREE.explain((32, 32, 3)).split("\n")) == 3

    def test_captions_say_what_was_done_in_its_order(self) -> None:
        recipe = af.Recipe(
            [
                af.OneOf([af.Rotate((7, 7)), af.Invert(p=1)]),
                af.RandomOrder([af.Brightness((1.5, 1.5)), af.HorizontalFlip(p=1)]),
                af.When(labels=["cat"], transforms=[af.VerticalFlip(p=1)]),
            ]
        )
        batch = recipe.batch(pictures(60, 8, 8), ["cat", "dog"] * 30, seed=1)
        nodes = {node.path: node for node in batch.plan.drawn.walk()}
        for i in range(60):
            first = ["rotate +7.0°", "invert"][int(nodes["OneOf#0"].params["choice"][i])]
            order = nodes["RandomOrder#0"].params["order"][i]
            steps = [first, *(["brightness 1.50", "horizontal flip"][k] for k in order)]
            steps += ["vertical flip"] if i % 2 == 0 else []
            assert batch.caption(i) == f"label {'dog' if i % 2 else 'cat'}\n{', '.join(steps)}"
        assert len({batch.caption(i) for i in range(60)}) == 8

    def test_describe_has_each_transform_once_with_its_path(self) -> None:
        steps = TREE.describe((32, 32, 3), seed=5, index=1)
        by_path = {step.path: step for step in steps}
        assert len(by_path) == len(steps) == 17
        one, other = by_path["OneOf#0/Brightness#0"], by_path["OneOf#0/Sequential#0/Invert#0"]
        assert one.fired != other.fired and other.fired == by_path["OneOf#0/Sequential#0/HorizontalFlip#0"].fired
        assert one.fired == bool(one.values) == bool(one.text)
        assert not by_path["When#0/Saturation#0"].fired
        assert by_path["Barrier#0"].always and by_path["Views#0/a/Normalize#0"].always
        assert "Views#0/c/OneOf#0/Hue#0" not in by_path

    def test_views_describe_themselves(self) -> None:
        batch = TREE.batch(pictures(3, 32, 32), [0, 1, 2], seed=5)
        paths = [step.path for step in batch.views["c"].plan.describe(0)]
        assert paths[-2:] == ["Views#0/c/OneOf#0/Hue#0", "Views#0/c/OneOf#0/Invert#0"] and len(paths) == 17
        assert [batch.views["b"].caption(i) in batch.views["c"].caption(i) for i in range(3)] == [True] * 3


class TestEvaluation:
    @pytest.mark.parametrize(
        ("steps", "wanted"),
        [
            ([af.OneOf([af.Invert(p=1), af.Barrier()])], []),
            ([af.SomeOf([af.Invert(p=1)], 1)], []),
            ([af.Sequential([af.Rotate(), af.Resize(9), af.RandomCrop(8)], p=0.5)], [af.Resize(9), af.CenterCrop(8)]),
            ([af.Sequential([af.Resize(9)], p=0)], []),
            ([af.RandomOrder([af.Resize(9), af.Rotate(), af.Invert(p=1)])], [af.Resize(9), af.Invert(p=1)]),
            ([af.When(labels=[1], transforms=[af.Grayscale(p=1), af.Rotate()])], [af.Grayscale(p=1)]),
            ([af.Schedule(af.RandomCrop(8), (0, 1))], [af.CenterCrop(8)]),
            ([af.Schedule(af.HorizontalFlip(), p=(1, 0))], []),
            ([af.Schedule(af.Sequential([af.OneOf([af.Rotate()]), af.Pad(2)]))], [af.Pad(2)]),
            (
                [af.Views(a=[af.Sequential([af.Rotate(), af.Pad(2)]), af.ToFloat()], b=[af.Rotate()])],
                [af.Views(a=[af.Pad(2), af.ToFloat()], b=[])],
            ),
            ([af.Barrier()], [af.Barrier()]),
        ],
    )
    def test_it_is_as_each_kind_says(self, steps: list[Transform], wanted: list[Transform]) -> None:
        assert af.Recipe(steps).eval() == af.Recipe(wanted)

    def test_when_has_its_transforms_on_all_images_and_needs_no_labels(self) -> None:
        images = pictures(3, 6, 6)
        recipe = af.Recipe([af.When(labels=[1], transforms=[af.Invert(p=1)])])
        assert np.array_equal(recipe.batch(images, seed=0, training=False).images, 255 - images)


class TestScaled:
    def test_of_each_kind(self) -> None:
        half = af.Recipe(
            [
                af.OneOf([af.Rotate(20), af.HorizontalFlip()], weights=(1, 2), p=0.8),
                af.SomeOf([af.Shear(4)], 1),
                af.Sequential([af.Resize(9), af.Rotate(20)]),
                af.When(labels=[1], transforms=[af.Rotate(20)], p=0.5),
                af.Schedule(af.Rotate(20), strength=(0, 1), epochs=3),
                af.Schedule(af.HorizontalFlip(), epochs=3, p=(0.8, 0)),
                af.Schedule(af.Rotate(20), epochs=3, p=(0, 1)),
                af.Views(a=[af.Rotate(20)], b=[af.RandomOrder([af.Scale((0.8, 1.2))])]),
            ]
        ).scaled(0.5)
        assert half == af.Recipe(
            [
                af.OneOf([af.Rotate(10), af.HorizontalFlip(p=0.25)], weights=(1, 2), p=0.4),
                af.SomeOf([af.Shear(2)], 1),
                af.Sequential([af.Resize(9), af.Rotate(10)]),
                af.When(labels=[1], transforms=[af.Rotate(10)], p=0.25),
                af.Schedule(af.Rotate(10), strength=(0, 1), epochs=3),
                af.Schedule(af.HorizontalFlip(p=0.25), epochs=3, p=(0.4, 0)),
                af.Schedule(af.Rotate(10), epochs=3, p=(0, 1)),
                af.Views(a=[af.Rotate(10)], b=[af.RandomOrder([af.Scale((0.9, 1.1))])]),
            ]
        )

    @random_recipes
    @given(bodies(most=3), ends())
    def test_of_random_trees(self, body: list[Transform], end: list[Transform]) -> None:
        recipe = af.Recipe([*body, *end])
        assert recipe.scaled(1) == recipe and recipe.scaled(0) == recipe.eval()
        for strength in (0.3, 3):
            scaled = recipe.scaled(strength)
            assert af.Recipe.from_yaml(scaled.to_yaml()) == scaled
            assert shapes(scaled.transforms) == shapes(recipe.transforms)


def shapes(transforms: Any) -> list[Any]:
    """The names of a tree, nested as it is."""
    return [(type(t).__name__, [shapes(children) for children in inside(t) or ()]) for t in transforms]


class TestLoaders:
    DATA = af.from_arrays(pictures(23, 20, 20), labels_of(np.arange(23)), classes=("cow", "cat", "dog"))

    def loader(self, **options: Any) -> af.Loader:
        usual: dict[str, Any] = {"batch_size": 4, "seed": 7, "workers": 0}
        return af.Loader(self.DATA, TREE, **(usual | options))

    def test_workers_change_no_byte(self) -> None:
        wanted = [digest(self.loader()) for _ in range(2)]
        assert wanted[0] == wanted[1]
        for workers in (1, 4):
            assert digest(self.loader(workers=workers)) == wanted[0]

    @pytest.mark.parametrize("epoch", [0, 2])
    def test_batches_of_any_size_and_single_calls_give_the_same_images(self, epoch: int) -> None:
        found: dict[int, dict[str, np.ndarray]] = {}
        for size in (1, 4, 23):
            loader = self.loader(batch_size=size)
            loader.set_epoch(epoch)
            for batch in loader:
                for k, index in enumerate(batch.indices.tolist()):
                    views = {name: view.images[k].copy() for name, view in batch.views.items()}
                    if size > 1:
                        assert all(np.array_equal(views[name], found[index][name]) for name in views)
                    found[index] = views
        for index in range(23):
            x, label = self.DATA[index].image, index % 3
            alone = TREE(image=x, label=label, seed=7, epoch=epoch, index=index)["views"]
            assert np.array_equal(alone["a"]["image"], found[index]["a"])
            assert np.array_equal(np.rint(found[index]["c"]), alone["c"]["image"])

    def test_resumed_at_every_step_the_rest_is_the_same(self) -> None:
        whole, states = [], []
        loader = self.loader(workers=2)
        for _ in range(3):
            for batch in loader:
                whole.append(digest([batch]))
                states.append(loader.state_dict())
        assert len(whole) == 18 and len(set(whole)) == 18
        for step, state in enumerate(states):
            again = self.loader(workers=step % 3)
            again.load_state_dict(state)
            left = [digest([batch]) for batch in again]
            end = 6 * (state["epoch"] + 1)
            assert left == whole[step + 1 : end] if left else (step + 1) % 6 == 0

    def test_another_process_gives_the_same_bytes(self) -> None:
        code = """
            import sys; sys.path[:0] = sys.argv[1:]
            from test_composition_everywhere import TestLoaders, digest
            loader = TestLoaders().loader()
            loader.set_epoch(1)
            print(digest(loader))
        """
        here = self.loader()
        here.set_epoch(1)
        command = [sys.executable, "-c", textwrap.dedent(code), str(HELPERS), str(Path(__file__).parent)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        assert done.stdout.split() == [digest(here)]

    def test_schedules_move_with_the_epochs(self) -> None:
        loader = af.Loader(self.DATA, af.Recipe([af.Schedule(af.Invert(), epochs=2, p=(0, 1))]), 23, seed=1)
        shares = [float(np.mean([p.fired for i in range(23) for p in batch.plan.describe(i)]))
                  for _ in range(4) for batch in loader]  # fmt: skip
        assert shares[0] == 0 and 0 < shares[1] < 1 and shares[2:] == [1, 1]

    def test_files_that_cannot_be_read_move_no_label(self, tmp_path: Path) -> None:
        from PIL import Image

        for name, grey in (("cat", 10), ("dog", 200)):
            (tmp_path / name).mkdir()
            for i in range(8):
                Image.fromarray(np.full((8, 8, 3), grey, np.uint8)).save(tmp_path / name / f"{i}.png")
        (tmp_path / "cat" / "3.png").write_bytes(b"no picture")
        (tmp_path / "dog" / "0.png").write_bytes(b"no picture")
        recipe = af.Recipe([af.When(labels=["dog"], transforms=[af.Invert(p=1)])])
        loader = af.Loader(
            af.from_directory(tmp_path), recipe, 5, seed=0, on_error="skip", max_skipped=0.5, dtype="uint8"
        )
        with pytest.warns(af.AugfuseWarning):
            for batch in loader:
                wanted = np.where(batch.labels == 1, 55, 10)
                assert np.array_equal(batch.images[:, 0, 0, 0], wanted)

    def test_keras_is_fed_views_by_their_names(self) -> None:
        keras = pytest.importorskip("keras")
        recipe = af.Recipe([af.Views(a=[af.RandomCrop(8), af.ToFloat()], b=[af.Resize(6), af.ToFloat()])])
        loader = af.Loader(self.DATA, recipe, 4, seed=0, workers=0)
        data = loader.to_keras()
        images, labels = data[1]
        batch = loader.fetch(0, 1)
        assert list(images) == ["a", "b"] and np.array_equal(labels, batch.labels)
        assert all(np.array_equal(images[name], view.images) for name, view in batch.views.items())
        inputs = {"a": keras.Input((8, 8, 3), name="a"), "b": keras.Input((6, 6, 3), name="b")}
        flat = [keras.layers.Flatten()(one) for one in inputs.values()]
        model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Concatenate()(flat)))
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        assert len(model.fit(data, epochs=2, verbose=0).history["loss"]) == 2


@random_recipes
@settings(max_examples=30)
@given(bodies(most=3), ends(), st.integers(0, 2**64 - 1), st.integers(0, 20))
def test_random_trees_give_the_same_bytes_alone_and_in_any_batch(
    body: list[Transform], end: list[Transform], seed: int, epoch: int
) -> None:
    images, recipe = pictures(4, 40, 33), af.Recipe([*body, af.Resize(24), *end])
    mixes = recipe.inner.asks.mixes
    indices = np.array([3, 0, 11 if mixes else 2**40, 9])  # of mixes: places in the data set of the partners
    labels = np.eye(3, dtype=np.float32)[labels_of(indices)]
    options: dict[str, Any] = {"seed": seed, "epoch": epoch, "data": siblings(pictures(12, 40, 44)) if mixes else None}
    whole = recipe.batch(images, labels, indices=indices, **options)
    turned = recipe.batch(images[::-1], labels[::-1], indices=indices[::-1], workers=3, **options)
    first = recipe.batch(images, labels, indices=indices, layout="NCHW", **options)
    for name in whole.views or [None]:
        one, two, three = (batch if name is None else batch.views[name] for batch in (whole, turned, first))
        assert np.array_equal(one.images, two.images[::-1])
        if one.plan.write.standardize is None:
            assert np.array_equal(one.images, three.images.transpose(0, 2, 3, 1))
    for k, index in enumerate(indices.tolist()):
        alone = recipe(image=images[k], label=labels[k], index=index, **options)
        assert np.array_equal(alone["image"], whole.images[k])
        assert all(np.array_equal(alone["views"][name]["image"], view.images[k]) for name, view in whole.views.items())


def test_every_transform_that_chooses_is_in_the_tree() -> None:
    kinds = {type(node.transform) for node in TREE.batch(pictures(1, 20, 20), [0], seed=0).plan.drawn.walk()}
    assert {cls for cls in af.list_transforms() if issubclass(cls, Compose)} <= kinds
