"""Transforms that choose among others: who acts, how often, in which order, on which labels, in which epoch.

The right values are computed here from what each sentence says, by counting and by doing the steps one by one.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.algebra.geometry import Canvas
from augfuse.algebra.rng import Draw, Words
from augfuse.transforms.base import Transform
from oracles import labels_of, pictures

MANY = 20_000
ROTATE, INVERT, FLIP = af.Rotate((10, 10)), af.Invert(p=1), af.HorizontalFlip(p=1)


def drawn(recipe: af.Recipe, n: int = MANY, *, labels: Any = None, seed: int = 3, epoch: int = 0) -> dict[str, Any]:
    """What was drawn for n positions: path -> node."""
    sizes = np.full(n, 8)
    plan = recipe.plan(Canvas(sizes, sizes), 3, np.dtype(np.uint8), np.arange(n), seed=seed, epoch=epoch, labels=labels)
    return {node.path: node for node in plan.drawn.walk()}


def acts(nodes: dict[str, Any], path: str, n: int = MANY) -> np.ndarray:
    """On which images the transform at a path acts."""
    active = nodes[path].active
    return np.ones(n, bool) if active is None else active


def assert_frequencies(counts: Any, shares: Any) -> None:
    """Chi-square: counts as from these shares. A right one fails less often than once in a million seeds; the seed is
    fixed.
    """
    counts, shares = np.asarray(counts, float), np.asarray(shares, float)
    expected = counts.sum() * shares / shares.sum()
    assert (counts[expected == 0] == 0).all()
    counts, expected = counts[expected > 0], expected[expected > 0]
    if len(counts) == 1:
        return  # all of them, as it must be
    freedom = len(counts) - 1
    statistic = float(((counts - expected) ** 2 / expected).sum())
    # Wilson and Hilferty: the cube root of chi-square / freedom is about normal.
    z = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    assert z < 5, f"{counts} for {expected}: {z:.1f} standard deviations"


class TestOneOf:
    @pytest.mark.parametrize("weights", [None, (1, 2, 3, 4), (0.2, 0, 0.8, 0), (0, 0, 0, 5), (1e308, 1e308, 0, 1e308)])
    def test_it_picks_one_by_weight(self, weights: tuple[float, ...] | None) -> None:
        nodes = drawn(af.Recipe([af.OneOf([ROTATE, INVERT, FLIP, af.Rotate((5, 5))], weights=weights)]))
        kinds = ("Rotate#0", "Invert#0", "HorizontalFlip#0", "Rotate#1")
        chosen = np.stack([acts(nodes, f"OneOf#0/{kind}") for kind in kinds])
        assert (chosen.sum(axis=0) == 1).all()
        assert_frequencies(chosen.sum(axis=1), (1, 1, 1, 1) if weights is None else np.array(weights) / max(weights))

    def test_then_the_p_of_the_chosen_one_decides(self) -> None:
        nodes = drawn(af.Recipe([af.OneOf([af.Invert(p=0.25), af.HorizontalFlip(p=0.5)], weights=(3, 1))]))
        invert, flip = acts(nodes, "OneOf#0/Invert#0"), acts(nodes, "OneOf#0/HorizontalFlip#0")
        assert not (invert & flip).any()
        assert_frequencies([invert.sum(), flip.sum(), (~invert & ~flip).sum()], [0.1875, 0.125, 0.6875])

    def test_its_own_p_comes_first(self) -> None:
        nodes = drawn(af.Recipe([af.OneOf([af.Invert(p=1), af.HorizontalFlip(p=1)], p=0.3)]))
        fired = acts(nodes, "OneOf#0/Invert#0") | acts(nodes, "OneOf#0/HorizontalFlip#0")
        assert np.array_equal(fired, acts(nodes, "OneOf#0"))
        assert_frequencies([fired.sum(), (~fired).sum()], [0.3, 0.7])

    def test_pixels_are_those_of_the_chosen_one(self) -> None:
        images = pictures(40, 9, 11)
        out = af.Recipe([af.OneOf([INVERT, FLIP])]).batch(images, seed=5).images
        results = np.stack([255 - images, images[:, :, ::-1]])
        same = (out == results).all(axis=(2, 3, 4))
        assert (same.sum(axis=0) == 1).all() and same.any(axis=1).all()


class TestSomeOf:
    @pytest.mark.parametrize("n", [0, 1, 2, 3, (0, 3), (1, 2), (2, 3)])
    def test_n_different_ones_each_subset_alike(self, n: Any) -> None:
        kinds = ("Rotate#0", "Invert#0", "HorizontalFlip#0")
        nodes = drawn(af.Recipe([af.SomeOf([ROTATE, INVERT, FLIP], n)]))
        chosen = np.stack([acts(nodes, f"SomeOf#0/{kind}") for kind in kinds], axis=1)
        fewest, most = n if isinstance(n, tuple) else (n, n)
        wanted = {}
        for size in range(fewest, most + 1):
            subsets = list(itertools.combinations(range(3), size))
            wanted |= {subset: 1 / (most - fewest + 1) / len(subsets) for subset in subsets}
        counts = Counter(tuple(np.flatnonzero(row).tolist()) for row in chosen)
        assert set(counts) == set(wanted)
        if len(wanted) > 1:
            assert_frequencies([counts[subset] for subset in wanted], list(wanted.values()))

    @pytest.mark.parametrize(("first", "second"), [("Brightness", "Invert"), ("Invert", "Brightness")])
    def test_they_are_applied_in_list_order(self, first: str, second: str) -> None:
        steps: dict[str, Transform] = {"Brightness": af.Brightness((0.5, 0.5)), "Invert": INVERT}
        images = pictures(5, 6, 7)
        out = af.Recipe([af.SomeOf([steps[first], steps[second]], 2)]).batch(images, seed=0, dtype="float32").images
        halved = images.astype(float) / 2
        wanted = 255 - halved if first == "Brightness" else (255 - images.astype(float)) / 2
        np.testing.assert_allclose(out, wanted, atol=1e-3)

    def test_with_repetition_each_time_has_new_draws(self) -> None:
        recipe = af.Recipe([af.SomeOf([af.Rotate(40), INVERT], 3, replace=True)])
        nodes = drawn(recipe)
        paths = ["SomeOf#0/Rotate#0", "SomeOf#0/2/Rotate#0", "SomeOf#0/3/Rotate#0"]
        times = np.sum([acts(nodes, path) for path in paths], axis=0)
        inverted = np.sum([acts(nodes, path.replace("Rotate", "Invert")) for path in paths], axis=0)
        assert (times + inverted == 3).all()
        assert_frequencies(np.bincount(times, minlength=4), [1, 3, 3, 1])
        for one, other in itertools.combinations(paths, 2):
            together = np.corrcoef(nodes[one].params["degrees"], nodes[other].params["degrees"])[0, 1]
            assert abs(together) < 0.04
        # Three rotations are one rotation by their sum; three inversions are one.
        picture = np.stack([pictures(1, 33, 33)[0]] * 30)
        out = recipe.batch(picture, seed=3, dtype="float32").images
        for i in range(30):
            degrees = sum(nodes[path].params["degrees"][i] for path in paths if acts(nodes, path)[i])
            steps = [af.Affine(degrees=(degrees, degrees)), *([INVERT] if inverted[i] % 2 else [])]
            wanted = af.Recipe(steps).batch(picture[i : i + 1], seed=0, dtype="float32").images[0]
            np.testing.assert_allclose(out[i], wanted, atol=0.2)

    def test_a_range_with_repetition(self) -> None:
        nodes = drawn(af.Recipe([af.SomeOf([ROTATE, INVERT, FLIP], (1, 4), replace=True)]))
        rounds = [path for path in nodes if path != "SomeOf#0"]
        assert len(rounds) == 12
        total = np.sum([acts(nodes, path) for path in rounds], axis=0)
        assert_frequencies(np.bincount(total, minlength=5), [0, 1, 1, 1, 1])


class TestRandomOrder:
    def orders(self, k: int, seed: int = 3) -> np.ndarray:
        nodes = drawn(af.Recipe([af.RandomOrder([af.Rotate((i, i)) for i in range(k)])]), seed=seed)
        return nodes["RandomOrder#0"].params["order"]

    @pytest.mark.parametrize("k", [2, 3, 4])
    def test_every_order_comes_equally_often(self, k: int) -> None:
        counts = Counter(map(tuple, self.orders(k).tolist()))
        assert set(counts) == set(itertools.permutations(range(k)))
        assert_frequencies(list(counts.values()), [1] * len(counts))

    def test_colours_are_multiplied_in_the_drawn_order(self) -> None:
        images = pictures(40, 8, 9)
        out = af.Recipe([af.RandomOrder([af.Brightness((0.5, 0.5)), INVERT])]).batch(images, seed=1, dtype="float32")
        exact = images.astype(float)
        seen = self.places(out.images, [255 - exact / 2, (255 - exact) / 2])
        assert seen == [tuple(order) == (1, 0) for order in out.plan.drawn.nodes[0].params["order"].tolist()]

    def test_warps_are_multiplied_in_the_drawn_order(self) -> None:
        images = pictures(40, 8, 8)
        turn = af.Rotate90(p=1, quarters=(1, 1))
        out = af.Recipe([af.RandomOrder([turn, FLIP])]).batch(images, seed=1)
        turned = np.rot90(images, axes=(1, 2))
        seen = self.places(out.images, [turned[:, :, ::-1], np.rot90(images[:, :, ::-1], axes=(1, 2))])
        assert seen == [tuple(order) == (1, 0) for order in out.plan.drawn.nodes[0].params["order"].tolist()]

    def test_kernels_come_at_their_place(self) -> None:
        images = pictures(30, 16, 20)
        shift, blur = af.Brightness((1.9, 1.9)), af.GaussianBlur((1.5, 1.5))
        recipe = af.Recipe([af.RandomOrder([shift, blur, af.Barrier()])])
        out = recipe.batch(images, seed=1)
        orders = out.plan.drawn.nodes[0].params["order"]
        steps = [shift, blur, af.Barrier()]
        for i, order in enumerate(orders):
            alone = af.Recipe([steps[k] for k in order]).batch(images[i : i + 1], seed=0).images[0]
            assert np.array_equal(out.images[i], alone), order
        assert len({tuple(order) for order in orders.tolist()}) == 6

    def places(self, got: np.ndarray, results: list[np.ndarray]) -> list[int]:
        same = np.stack([np.abs(got - result).max(axis=(1, 2, 3)) < 1e-2 for result in results])
        assert (same.sum(axis=0) == 1).all() and same.any(axis=1).all()
        return same.argmax(axis=0).tolist()

    def test_children_of_one_kind_share_a_segment(self) -> None:
        recipe = af.Recipe([af.RandomOrder([af.Rotate(), af.Shear(), af.Scale(0.2)]), af.HorizontalFlip()])
        inner = "RandomOrder/Rotate, RandomOrder/Shear, RandomOrder/Scale"
        assert recipe.explain() == f"{inner}, HorizontalFlip -> 1 warp; write 224x224x3 uint8"


class TestSequential:
    def test_all_or_nothing(self) -> None:
        nodes = drawn(af.Recipe([af.Sequential([ROTATE, INVERT, af.HorizontalFlip(p=0.5)], p=0.3)]))
        rotated, inverted, flipped = (
            acts(nodes, f"Sequential#0/{kind}") for kind in ("Rotate#0", "Invert#0", "HorizontalFlip#0")
        )
        assert np.array_equal(rotated, inverted) and not (flipped & ~rotated).any()
        assert_frequencies([rotated.sum(), (~rotated).sum()], [0.3, 0.7])
        assert_frequencies([flipped.sum(), (rotated & ~flipped).sum()], [1, 1])

    def test_it_is_its_list_where_it_always_acts(self) -> None:
        """The same plan but for the paths, so for transforms that draw nothing the same bytes."""
        images = pictures(4, 20, 22)
        steps = [ROTATE, af.GaussianBlur((1, 1)), INVERT]
        one = af.Recipe([af.Sequential(steps)]).batch(images, seed=0).images
        assert np.array_equal(one, af.Recipe(steps).batch(images, seed=0).images)


class TestPaths:
    TREE = (
        af.Rotate(20),
        af.OneOf([af.Rotate(20), af.Sequential([af.Rotate(20), af.Rotate(5), af.GaussianNoise()], p=0.5)]),
        af.OneOf([af.Shear(5)]),
        af.Views(a=[af.Rotate(20)], b=[af.Rotate(20), af.OneOf([af.Rotate(20)])]),
    )

    def test_paths_are_nested_and_count_among_siblings(self) -> None:
        assert list(drawn(af.Recipe(self.TREE), 2)) == [
            "Rotate#0",
            "OneOf#0", "OneOf#0/Rotate#0",
            "OneOf#0/Sequential#0", "OneOf#0/Sequential#0/Rotate#0", "OneOf#0/Sequential#0/Rotate#1",
            "OneOf#0/Sequential#0/GaussianNoise#0",
            "OneOf#1", "OneOf#1/Shear#0",
            "Views#0/a/Rotate#0",
            "Views#0/b/Rotate#0", "Views#0/b/OneOf#0", "Views#0/b/OneOf#0/Rotate#0",
        ]  # fmt: skip

    def test_a_draw_is_the_one_of_its_path(self) -> None:
        for path, node in drawn(af.Recipe(self.TREE), 50, seed=8, epoch=4).items():
            if path.rpartition("/")[2].startswith("Rotate"):
                own = Draw(Words(8, 4, np.arange(50)), path)
                assert np.array_equal(node.params["degrees"], own.uniform("degrees", node.transform.degrees))

    @pytest.mark.parametrize("at", range(4))
    @pytest.mark.parametrize("extra", [af.Shear(3), af.SomeOf([af.Shear(2), af.GaussianBlur()], 1)])
    def test_another_transform_elsewhere_changes_no_draw(self, at: int, extra: Transform) -> None:
        before = drawn(af.Recipe(self.TREE), 50)
        after = drawn(af.Recipe([*self.TREE[:at], extra, *self.TREE[at:]]), 50)
        for path, node in before.items():
            assert np.array_equal(acts(after, path, 50), acts(before, path, 50))
            for name, values in node.params.items():
                assert np.array_equal(after[path].params[name], values)

    def test_a_child_behind_the_others_changes_no_draw_of_theirs(self) -> None:
        one = drawn(af.Recipe([af.Sequential([af.Rotate(20), af.OneOf([af.Shear(5)])], p=0.5)]), 50)
        two = drawn(af.Recipe([af.Sequential([af.Rotate(20), af.OneOf([af.Shear(5)]), af.Invert()], p=0.5)]), 50)
        for path, node in one.items():
            assert np.array_equal(acts(two, path, 50), acts(one, path, 50))
            assert all(np.array_equal(two[path].params[name], values) for name, values in node.params.items())


class TestWhen:
    @pytest.mark.parametrize(
        ("wanted", "given", "matches"),
        [
            ([0, 2], [0, 1, 2, 3, 0], [1, 0, 1, 0, 1]),
            (1, np.array([0, 1, 1, 5, -1]), [0, 1, 1, 0, 0]),
            ([2], np.eye(3)[[0, 2, 1, 2, 2]], [0, 1, 0, 1, 1]),
            ([1], np.array([[0], [1], [1], [0], [1]]), [0, 1, 1, 0, 1]),
            ([1], np.array([0.0, 1.0, 2.0, 1.0, 1.0]), [0, 1, 0, 1, 1]),
            ([1], np.array([False, True, True, False, True]), [0, 1, 1, 0, 1]),
            (["cat"], ["cat", "dog", "cat", "cow", "ca"], [1, 0, 1, 0, 0]),
            (["cow", "dog"], np.array(["cat", "dog", "cat", "cow", "ca"], object), [0, 1, 0, 1, 0]),
            ([7], [0, 1, 2, 3, 4], [0, 0, 0, 0, 0]),
        ],
    )
    def test_it_acts_where_the_label_is_one_of_these(self, wanted: Any, given: Any, matches: list[int]) -> None:
        images = pictures(5, 6, 7)
        out = af.Recipe([af.When(labels=wanted, transforms=[INVERT])]).batch(images, given, seed=0).images
        for i, match in enumerate(matches):
            assert np.array_equal(out[i], 255 - images[i] if match else images[i])
        recipe = af.Recipe([af.When(labels=wanted, transforms=[INVERT])])
        for i in range(5):
            assert np.array_equal(recipe(image=images[i], label=given[i], seed=0, index=i)["image"], out[i])

    def test_its_own_p_and_those_of_its_children(self) -> None:
        labels = labels_of(np.arange(MANY))
        nodes = drawn(af.Recipe([af.When(labels=[1], transforms=[af.Invert(p=0.5), ROTATE], p=0.5)]), labels=labels)
        rotated, inverted = acts(nodes, "When#0/Rotate#0"), acts(nodes, "When#0/Invert#0")
        assert not rotated[labels != 1].any() and not (inverted & ~rotated).any()
        assert_frequencies([rotated.sum(), (~rotated[labels == 1]).sum()], [1, 1])
        assert_frequencies([inverted.sum(), (rotated & ~inverted).sum()], [1, 1])

    def test_without_labels_it_does_nothing_and_warns_once(self) -> None:
        recipe = af.Recipe([af.When(labels=[0], transforms=[INVERT]), FLIP])
        images = pictures(3, 6, 7)
        with pytest.warns(af.AugfuseWarning, match="When: got images without labels, .*Give labels") as told:
            for _ in range(3):
                assert np.array_equal(recipe.batch(images, seed=0).images, images[:, :, ::-1])
        assert len(told) == 1
        single = af.Recipe([af.When(labels=[0], transforms=[INVERT])])
        with pytest.warns(af.AugfuseWarning, match="When: got images without labels"):
            assert np.array_equal(single(image=images[0])["image"], images[0])

    def test_names_through_a_loader(self) -> None:
        images = pictures(6, 6, 7)
        names = np.array(["cat", "dog", "cow", "cat", "cow", "dog"])
        recipe = af.Recipe([af.When(labels=["cow", "dog"], transforms=[INVERT])])
        acted = np.isin(names, ["cow", "dog"])
        wanted = np.where(acted[:, None, None, None], 255 - images, images)
        for data in (af.from_arrays(images, names), af.from_arrays(images, np.array([0, 2, 1, 0, 1, 2]),
                                                                   classes=("cat", "cow", "dog"))):  # fmt: skip
            for one_hot in (False, True):
                loader = af.Loader(data, recipe, 4, seed=0, shuffle=False, dtype="uint8", one_hot=one_hot)
                assert np.array_equal(np.concatenate([batch.images.copy() for batch in loader]), wanted)


class TestSchedule:
    @pytest.mark.parametrize(
        ("strength", "epochs", "shares"),
        [((0, 1), 4, [0, 0.25, 0.5, 0.75, 1, 1, 1]), ((1, 0.5), 2, [1, 0.75, 0.5, 0.5]), ((0.5, 2), 1, [0.5, 2, 2])],
    )
    def test_strength_is_linear_and_then_holds(
        self, strength: tuple[float, float], epochs: int, shares: list[float]
    ) -> None:
        recipe = af.Recipe([af.Schedule(af.Rotate(40), strength=strength, epochs=epochs)])
        for epoch, share in enumerate(shares):
            node = drawn(recipe, 100, seed=2, epoch=epoch)["Schedule#0/Rotate#0"]
            own = Draw(Words(2, epoch, np.arange(100)), "Schedule#0/Rotate#0").uniform("degrees", (-1.0, 1.0))
            if share:
                np.testing.assert_allclose(node.params["degrees"], 40 * share * own, rtol=1e-12)
            else:
                assert not acts({"": node}, "", 100).any()

    @pytest.mark.parametrize("p", [(1, 0), (0, 1), (0.25, 0.75)])
    def test_p_is_linear_and_then_holds(self, p: tuple[float, float]) -> None:
        recipe = af.Recipe([af.Schedule(af.HorizontalFlip(), epochs=4, p=p)])
        for epoch in range(7):
            fired = acts(drawn(recipe, epoch=epoch), "Schedule#0/HorizontalFlip#0").sum()
            share = p[0] + (p[1] - p[0]) * min(epoch / 4, 1)
            assert_frequencies([fired, MANY - fired], [share, 1 - share])

    def test_a_list_and_both_courses_at_once(self) -> None:
        recipe = af.Recipe([af.Schedule(af.Sequential([af.Rotate(20), INVERT]), (0, 1), 2, (1, 0.5))])
        nodes = drawn(recipe, epoch=1)
        path = "Schedule#0/Sequential#0"
        fired = acts(nodes, f"{path}/Invert#0")
        assert np.array_equal(fired, acts(nodes, path)) and np.array_equal(fired, acts(nodes, f"{path}/Rotate#0"))
        assert_frequencies([fired.sum(), (~fired).sum()], [0.75, 0.25])
        assert 9 < np.abs(nodes[f"{path}/Rotate#0"].params["degrees"]).max() < 10

    def test_crops_keep_their_size(self) -> None:
        for crop in (af.RandomResizedCrop(16), af.RandomCrop(16), af.CenterCrop(16)):
            recipe = af.Recipe([af.Schedule(crop, strength=(0, 1), epochs=3)])
            for epoch in range(5):
                assert recipe.batch(pictures(3, 20, 30), seed=0, epoch=epoch).images.shape == (3, 16, 16, 3)

    def test_far_epochs(self) -> None:
        recipe = af.Recipe([af.Schedule(FLIP, epochs=10**9, p=(0, 1))])
        assert recipe.batch(pictures(2, 4, 4), seed=0, epoch=2**63 - 1).plan.describe(0)[0].fired


class TestBarrier:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16"])
    def test_it_is_two_calls_one_after_the_other(self, dtype: str) -> None:
        images = pictures(4, 20, 24, 3, dtype)
        first = [af.Brightness((1.7, 1.7)), af.Rotate((12, 12))]
        second = [af.Contrast((0.5, 0.5)), af.Shear((7, 7))]
        apart = af.Recipe(second).batch(af.Recipe(first).batch(images, seed=0).images, seed=0).images
        together = af.Recipe([*first, af.Barrier(), *second]).batch(images, seed=0).images
        # Where it clips and rounds they are the same; the next warp rounds whole numbers up to 65535 in float32.
        assert np.abs(together.astype(int) - apart).max() <= (0 if dtype == "uint8" else 1)
        assert not np.array_equal(af.Recipe([*first, *second]).batch(images, seed=0).images, apart)

    def test_floats_are_clipped_and_not_rounded(self) -> None:
        images = pictures(2, 8, 8, 3, "float32")
        out = af.Recipe([af.Brightness((1.5, 1.5)), af.Barrier(), af.Brightness((0.5, 0.5))]).batch(images, seed=0)
        np.testing.assert_allclose(out.images, np.minimum(images * 1.5, 1) / 2, atol=1e-6)

    def test_one_that_does_not_act_leaves_the_image(self) -> None:
        images = pictures(2, 8, 8)
        steps = [af.Brightness((2, 2)), af.Barrier(p=0), af.Brightness((0.5, 0.5))]
        assert np.array_equal(af.Recipe(steps).batch(images, seed=0).images, images)


class TestViews:
    RECIPE = af.Recipe(
        [
            af.Rotate(20),
            af.OneOf([af.Invert(p=1), af.HorizontalFlip(p=1)]),
            af.Views(
                small=[af.RandomCrop(8), af.Normalize(0.5, 0.25)], wide=[af.Shear(5), af.Resize((10, 12))], same=[]
            ),
        ]
    )

    def test_each_view_has_its_size_and_dtype(self) -> None:
        batch = self.RECIPE.batch(pictures(3, 16, 16), [1, 2, 3], seed=4, epoch=2, indices=[5, 6, 7])
        shapes = {name: (view.images.shape, view.images.dtype.name) for name, view in batch.views.items()}
        assert shapes == {
            "small": ((3, 8, 8, 3), "float32"), "wide": ((3, 10, 12, 3), "uint8"), "same": ((3, 16, 16, 3), "uint8")
        }  # fmt: skip
        assert np.array_equal(batch.images, batch.views["small"].images)
        for view in batch.views.values():
            assert view.indices.tolist() == [5, 6, 7] and view.labels == [1, 2, 3] and view.plan.epoch == 2

    def test_a_view_is_the_recipe_with_its_list(self) -> None:
        """What comes before is drawn once for all; a list of deterministic transforms shows it."""
        images = pictures(5, 16, 16)
        before = [af.Rotate(20), af.ColorJitter(), af.GaussianNoise()]
        lists: dict[str, list[Transform]] = {
            "a": [], "b": [INVERT, af.Normalize()], "c": [af.Resize((9, 7))], "d": [af.GaussianBlur((1, 1))]
        }  # fmt: skip
        batch = af.Recipe([*before, af.Views(**lists)]).batch(images, seed=3)
        for name, own in lists.items():
            alone = af.Recipe([*before, *own]).batch(images, seed=3)
            assert np.array_equal(batch.views[name].images, alone.images)

    def test_views_differ_by_their_draws(self) -> None:
        batch = af.Recipe([af.Views(a=[af.Rotate(40)], b=[af.Rotate(40)])]).batch(pictures(4, 16, 16), seed=3)
        assert (batch.views["a"].images != batch.views["b"].images).any(axis=(1, 2, 3)).all()

    @pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
    def test_layouts_out_and_single_calls_give_the_same_values(self, layout: Any) -> None:
        images = pictures(4, 16, 16)
        usual = self.RECIPE.batch(images, seed=4)
        shape = (4, 8, 8, 3) if layout == "NHWC" else (4, 3, 8, 8)
        out = np.full(shape, 7, np.float32)
        batch = self.RECIPE.batch(images, seed=4, layout=layout, out=out, workers=2)
        assert batch.images is out and batch.views["small"].images is out
        for name, view in batch.views.items():
            last = view.images if layout == "NHWC" else view.images.transpose(0, 2, 3, 1)
            assert np.array_equal(last, usual.views[name].images)
            for i in range(4):
                single = self.RECIPE(image=images[i], seed=4, index=i)
                assert np.array_equal(single["views"][name]["image"], last[i])
                assert np.array_equal(single["image"], usual.images[i])

    def test_in_evaluation_each_view_is_evaluated(self) -> None:
        images = pictures(3, 16, 16)
        evaluation = self.RECIPE.eval()
        assert evaluation == af.Recipe(
            [af.Views(small=[af.CenterCrop(8), af.Normalize(0.5, 0.25)], wide=[af.Resize((10, 12))], same=[])]
        )
        batch = self.RECIPE.batch(images, training=False, seed=0)
        assert np.array_equal(batch.views["same"].images, images)
        np.testing.assert_allclose(batch.views["small"].images, (images[:, 4:12, 4:12] / 255 - 0.5) / 0.25, atol=1e-5)
