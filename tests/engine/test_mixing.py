"""Samples that become one: which partner, the same bytes for any batches, labels, and what peers define alike."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import augfuse as af
from augfuse.algebra.rng import Draw, Words
from augfuse.plan.partners import Pool
from augfuse.transforms.mix import draw_beta
from augfuse.transforms.mix_base import Mix
from oracles import EXAMPLES, pictures

MIXES = [cls(**example) for cls, example in EXAMPLES if issubclass(cls, Mix)]
every_mix = pytest.mark.parametrize("mix", MIXES, ids=repr)
ONE_HOT = np.eye(3, dtype=np.float32)


def sets(n: int = 12, height: int = 20, width: int = 27) -> tuple[np.ndarray, np.ndarray, af.DataSet]:
    images, labels = pictures(n, height, width), np.arange(n) % 3
    return images, labels, af.from_arrays(images, labels)


def delivered(data: af.DataSet, recipe: af.Recipe, **options: Any) -> dict[int, tuple[bytes, bytes]]:
    """What a loader delivers for each sample."""
    found: dict[int, tuple[bytes, bytes]] = {}
    for batch in af.Loader(data, recipe, **{"seed": 5, "one_hot": True, **options}):
        for i, image, label in zip(batch.indices, batch.images, batch.labels, strict=True):
            found[int(i)] = image.tobytes(), label.tobytes()
    return found


def parts_of(batch: af.Batch) -> np.ndarray:
    """(k, s, 4): what each sample fills in the last mix of a batch."""
    assert batch.plan.before is not None
    return batch.plan.before.op.parts


CHAIN = [
    af.Rotate(20),
    af.MixUp(p=0.6, alpha=1),
    af.Brightness(0.2),
    af.OneOf([af.CutMix(partner="other_class"), af.Invert()]),
    af.Mosaic((24, 18), p=1),
    af.HorizontalFlip(),
]


@pytest.mark.parametrize("recipe", [*[[mix] for mix in MIXES if not mix.takes_objects], CHAIN], ids=repr)
def test_workers_batches_and_resuming_change_no_byte(recipe: list[Any]) -> None:
    _, _, data = sets()
    made = af.Recipe(recipe)
    wanted = delivered(data, made, batch_size=4, workers=0)
    assert len(set(wanted.values())) == len(data)
    for workers, size in ((1, 1), (2, 5), (4, 12), (8, 3)):
        assert delivered(data, made, batch_size=size, workers=workers) == wanted
    for step in range(1, 3):
        loader = af.Loader(data, made, batch_size=4, seed=5, one_hot=True)
        stopped = iter(loader)
        for _ in range(step):
            next(stopped)
        other = af.Loader(data, made, batch_size=4, seed=5, one_hot=True, workers=0)
        other.load_state_dict(loader.state_dict())
        rest = {
            int(i): image.tobytes() for batch in other for i, image in zip(batch.indices, batch.images, strict=True)
        }
        assert len(rest) == 12 - 4 * step
        assert all(wanted[i][0] == image for i, image in rest.items())


@every_mix
def test_one_alone_is_one_of_a_batch_with_the_same_data_set(mix: Mix) -> None:
    images, labels, data = sets()
    data = data.with_targets(masks=list(np.ones((12, 1, 20, 27), np.uint8)))
    recipe = af.Recipe([af.Rotate(15), mix, af.Brightness(0.3)])
    batch = recipe.batch(images[3:8], ONE_HOT[labels[3:8]], indices=range(3, 8), seed=7, data=data)
    for k, i in enumerate(range(3, 8)):
        alone = recipe(image=images[i], seed=7, index=i, data=data)
        np.testing.assert_array_equal(alone["image"], batch.images[k])
        named = recipe(image=images[i], label=ONE_HOT[labels[i]], seed=7, index=i, data=data)
        np.testing.assert_array_equal(named["label"], batch.labels[k])
    if mix.softens:
        with pytest.raises(af.ImageTypeError, match="wanted rows of shares"):
            recipe(image=images[3], label=1, seed=7, index=3, data=data)


def test_what_is_no_data_set_is_refused() -> None:
    images, labels, data = sets()
    recipe = af.Recipe([af.CutMix()])
    loader = af.Loader(data, recipe, 12, seed=0, one_hot=True)
    wrong: list[Any] = [images, [1], "x", loader]
    for other in wrong:
        with pytest.raises(af.ImageTypeError, match=r"data: got .*, wanted the data set.*af.from_arrays"):
            recipe.batch(images, ONE_HOT[labels], seed=0, data=other)
    batch = next(iter(loader))
    with pytest.raises(af.DataError, match=r"got 1 samples.*Use the data set that the plan was made with"):
        recipe.replay(batch.plan, images[batch.indices], ONE_HOT[labels[batch.indices]], data=data.subset([0]))
    with pytest.raises(af.RecipeError, match=r"tta: CutMix mixes an image with others"):
        af.tta(lambda some: some, recipe, 2)


@every_mix
def test_a_batch_depends_on_its_images_and_a_single_call_on_itself(mix: Mix) -> None:
    images, labels, _ = sets()
    recipe = af.Recipe([mix])
    batch = recipe.batch(images, ONE_HOT[labels], seed=1)
    partners = batch.plan.nodes[0].params["partner"]
    assert ((partners != np.arange(12)[:, None]) & (partners >= 0) & (partners < 12)).all()
    alone = recipe.batch(images[:1], ONE_HOT[labels[:1]], seed=1)
    assert (alone.plan.nodes[0].params["partner"] == 0).all()
    np.testing.assert_allclose(alone.labels, ONE_HOT[labels[:1]], atol=1e-6)
    np.testing.assert_array_equal(recipe(image=images[0], seed=1, index=0)["image"], alone.images[0])


def test_the_partner_passes_the_earlier_steps_without_earlier_mixes() -> None:
    images, labels, data = sets(12, 20, 20)
    recipe = af.Recipe([af.Rotate90(p=1, quarters=(1, 3)), af.MixUp(alpha=1), af.HorizontalFlip(p=1), af.CutMix()])
    batch = recipe.batch(images, ONE_HOT[labels], seed=3, data=data, dtype="float32")
    turn, first, _, second = batch.plan.nodes
    assert [child.path for child in first.children] == ["MixUp#0/partner/Rotate90#0"]
    assert [child.path for child in second.children] == [
        "CutMix#0/partner/Rotate90#0", "CutMix#0/partner/HorizontalFlip#0",
    ]  # fmt: skip

    def turned(row: int, node: Any, i: int) -> np.ndarray:
        return np.rot90(images[row], int(node.params["quarters"][i])).astype(np.float64)

    for i in range(12):
        share, other = first.params["share"][i], turned(first.params["partner"][i, 0], first.children[0], i)
        wanted = (share * turned(i, turn, i) + (1 - share) * other)[:, ::-1].copy()
        pasted = turned(second.params["partner"][i, 0], second.children[0], i)[:, ::-1]
        left, top, width, height = parts_of(batch)[i, 1]
        wanted[top : top + height, left : left + width] = pasted[top : top + height, left : left + width]
        np.testing.assert_allclose(batch.images[i], wanted, atol=1e-3)


def test_labels_are_the_shares_of_the_pixels() -> None:
    flat = np.repeat(np.arange(1, 7, dtype=np.uint8), 30 * 40).reshape(6, 30, 40, 1) * 40
    labels = np.eye(6, dtype=np.float32)
    for mix in MIXES:
        if mix.takes_objects or getattr(mix, "mode", "cover") != "cover":
            continue
        batch = af.Recipe([mix]).batch(flat, labels, seed=2, dtype="float32")
        means = batch.images.mean(axis=(1, 2, 3))
        np.testing.assert_allclose(batch.labels.sum(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(means, batch.labels @ (np.arange(1, 7) * 40), rtol=1e-4)


def test_cutmix_as_torchvision_defines_it() -> None:
    """The rectangle: sides sqrt(1 - share) of the image, about a point within it, cut at the edges."""
    images, labels, _ = sets(200)
    batch = af.Recipe([af.CutMix()]).batch(images, ONE_HOT[labels], seed=0)
    node = batch.plan.nodes[0]
    height, width = 20, 27
    x, y = np.floor(node.params["x"] * width), np.floor(node.params["y"] * height)
    half = 0.5 * np.sqrt(1 - node.params["share"])
    left, right = np.clip(x - np.floor(half * width * 2) / 2, 0, width), np.clip(x + half * width, 0, width)
    parts = parts_of(batch)[:, 1]
    assert np.abs(parts[:, 0] - left).max() <= 1
    assert np.abs(parts[:, 0] + parts[:, 2] - right).max() <= 1
    top = np.clip(y - half * height, 0, height)
    assert np.abs(parts[:, 1] - top).max() <= 1
    share = 1 - parts[:, 2] * parts[:, 3] / (height * width)
    own = batch.labels[np.arange(200), labels]
    same = batch.labels.max(axis=1) == 1
    np.testing.assert_allclose(own[~same], share[~same], atol=1e-6)


@pytest.mark.parametrize("shape", [0.2, 0.7, 1.0, 2.5, 40.0])
def test_shares_have_the_beta_distribution(shape: float) -> None:
    drawn = draw_beta(Draw(Words(11, 0, np.arange(20000)), "MixUp#0"), "share", shape, shape)
    assert ((drawn >= 0) & (drawn <= 1)).all()
    assert stats.kstest(drawn, stats.beta(shape, shape).cdf).pvalue > 1e-4


@given(
    size=st.integers(1, 12), classes=st.integers(1, 4), seed=st.integers(0, 2**32 - 1),
    among=st.sampled_from(["any", "same_class", "other_class"]),
)  # fmt: skip
def test_partners_are_other_samples_of_the_class_that_is_asked_for(
    size: int, classes: int, seed: int, among: Any
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, size)
    pool = Pool(size, np.arange(size), labels)
    every = np.concatenate([pool.chosen(rng.random((size, 50)), among), pool.chosen(np.zeros((size, 1)), among),
                            pool.chosen(np.full((size, 1), np.nextafter(1, 0)), among)], axis=1)  # fmt: skip
    for i in range(size):
        fits = {"any": np.ones(size, bool), "same_class": labels == labels[i], "other_class": labels != labels[i]}[
            among
        ]
        possible = set(np.flatnonzero(fits).tolist()) - {i} or {i}
        assert set(every[i].tolist()) <= possible


def test_each_partner_is_drawn_as_often() -> None:
    pool = Pool(5, np.zeros(20000, np.int64))
    drawn = pool.chosen(Draw(Words(1, 0, np.arange(20000)), "MixUp#0").uniforms("partner", 1), "any")
    counts = np.bincount(drawn[:, 0], minlength=5)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > 1e-4


@every_mix
def test_plans_are_written_read_and_done_again(mix: Mix) -> None:
    images, labels, data = sets()
    recipe = af.Recipe([af.Rotate(10), mix, af.Views(a=[], b=[af.CutMix()])])
    batches: list[tuple[af.Batch, af.DataSet | None]] = [(recipe.batch(images, ONE_HOT[labels], seed=4), None)]
    if not mix.takes_objects:
        batches.append((next(iter(af.Loader(data, recipe, batch_size=5, seed=0, one_hot=True))), data))
    for batch, theirs in batches:
        plan = af.Plan.from_bytes(pickle.loads(pickle.dumps(batch.plan.to_bytes())))
        rows = batch.indices
        again = recipe.replay(plan, images[rows], ONE_HOT[labels[rows]], data=theirs)
        for name in ("a", "b"):
            np.testing.assert_array_equal(again.views[name].images, batch.views[name].images)
            np.testing.assert_array_equal(again.views[name].labels, batch.views[name].labels)
        if theirs is not None:
            with pytest.raises(af.RecipeError, match=r"recipe.replay\(plan, images, data=data\)"):
                recipe.replay(plan, images[rows], ONE_HOT[labels[rows]])


def test_sample_weights_and_smooth_labels() -> None:
    data = sets()[2]
    weights = np.linspace(0.5, 3, 12).astype(np.float32)
    recipe = af.Recipe([af.MixUp(alpha=1)])
    plain = next(iter(af.Loader(data.with_sample_weights(weights), recipe, 12, seed=0, one_hot=True)))
    node = plain.plan.nodes[0]
    share = node.params["share"]
    wanted = share * weights[plain.indices] + (1 - share) * weights[node.params["partner"][:, 0]]
    assert plain.sample_weights is not None
    np.testing.assert_allclose(plain.sample_weights, wanted, rtol=1e-5)
    smooth = next(iter(af.Loader(data, recipe, 12, seed=0, one_hot=True, label_smoothing=0.3)))
    np.testing.assert_allclose(smooth.labels, 0.7 * plain.labels + 0.1, rtol=1e-5)
    wrong: list[Any] = [-0.1, 1.5, "much", True]
    for bad in wrong:
        with pytest.raises(af.AugfuseError, match="label_smoothing"):
            af.Loader(data, recipe, 12, one_hot=True, label_smoothing=bad)
    with pytest.raises(af.AugfuseError, match="one_hot=True"):
        af.Loader(data, af.Recipe([af.Rotate(3)]), 12, label_smoothing=0.1)


def test_what_cannot_be_mixed_is_refused_when_the_loader_is_made() -> None:
    images, labels, data = sets()
    recipe = af.Recipe([af.MixUp()])
    with pytest.raises(af.ImageTypeError, match=r"MixUp.*one_hot=True"):
        af.Loader(data, recipe)
    with pytest.raises(af.ImageTypeError, match=r"MixUp.*one_hot=True"):
        recipe.batch(images, labels)
    with pytest.raises(af.DataError, match=r"without labels and targets.*MixUp"):
        af.Loader(af.from_arrays(images), recipe)
    with pytest.raises(af.DataError, match=r"CopyPaste.*with_targets\(masks=masks\)"):
        af.Loader(data, af.Recipe([af.CopyPaste()]))
    with pytest.raises(af.DataError, match="partners of a class"):
        boxed = af.from_arrays(images).with_targets(boxes=[[[1, 2, 5, 6]]] * 12)
        af.Loader(boxed, af.Recipe([af.CutMix(partner="same_class")]))
    for owner in (af.RandomOrder, lambda t: af.SomeOf(t, 1)):
        with pytest.raises(af.RecipeError, match="mixes samples inside of"):
            owner([af.Invert(), af.MixUp()])
    with pytest.raises(af.RecipeError, match="sets the size"):
        af.OneOf([af.Invert(), af.Mosaic(32)])


def test_numbers_are_mixed_as_labels() -> None:
    images, _, _ = sets()
    ages = np.linspace(1, 90, 12).astype(np.float32)
    batch = next(iter(af.Loader(af.from_arrays(images, ages), af.Recipe([af.MixUp(alpha=1)]), 12, seed=0)))
    node = batch.plan.nodes[0]
    share = node.params["share"]
    wanted = share * ages[batch.indices] + (1 - share) * ages[node.params["partner"][:, 0]]
    np.testing.assert_allclose(batch.labels, wanted, rtol=1e-5)


def test_evaluation_mixes_nothing() -> None:
    _, labels, data = sets()
    recipe = af.Recipe([af.MixUp(), af.CutMix(), af.CopyPaste(), af.Mosaic(32), af.Normalize()])
    assert [type(t).__name__ for t in recipe.eval().transforms] == ["LetterBox", "Normalize"]
    batch = next(iter(af.Loader(data, recipe, 4, training=False)))
    np.testing.assert_array_equal(batch.labels, labels[:4])


def test_a_partner_that_cannot_be_read_is_the_image_itself(tmp_path: Any) -> None:
    import cv2

    images = pictures(9, 16, 16)
    for i, image in enumerate(images):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "ab"[i % 2] / f"{i}.png"), image[:, :, ::-1])
    (tmp_path / "a" / "4.png").write_bytes(b"not a picture")
    data = af.from_directory(tmp_path)
    options: dict[str, Any] = {"one_hot": True, "on_error": "skip", "max_skipped": 0.5}
    with pytest.warns(af.AugfuseWarning, match="left out"):
        batches = [
            batch for seed in range(6) for batch in af.Loader(data, af.Recipe([af.MixUp(alpha=1)]), 3, seed, **options)
        ]
    assert data.paths is not None
    paths = data.paths
    bad = next(i for i in range(9) if paths[i].endswith("4.png"))
    every = [(batch, k) for batch in batches for k in range(len(batch))]
    assert {int(batch.indices[k]) for batch, k in every} == set(range(9)) - {bad}
    met_bad = [(b, k) for b, k in every if b.plan.nodes[0].params["partner"][k, 0] == bad]
    assert met_bad
    for batch, k in met_bad:
        np.testing.assert_allclose(batch.images[k], data[int(batch.indices[k])].image, atol=1e-3)
        assert batch.labels[k].max() == pytest.approx(1)
    with pytest.raises(af.DecodeError):
        list(af.Loader(data, af.Recipe([af.MixUp()]), 3, seed=0, one_hot=True))


@settings(max_examples=10)
@given(sizes=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=5))
def test_images_of_any_sizes_are_mixed(sizes: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in sizes]
    labels = np.eye(len(sizes), dtype=np.float32)
    for mix in MIXES:
        batch = af.Recipe([mix, af.Resize((20, 24))]).batch(images, labels, seed=0)
        assert batch.images.shape == (len(sizes), 20, 24, 3)
        np.testing.assert_allclose(batch.labels.sum(axis=1), 1, atol=1e-5)
