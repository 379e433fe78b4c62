"""Transforms that choose among others, given what does not fit: the path, what it got, what it wanted, what to type."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from oracles import labels_of, pictures

R, INVERT = af.Rotate(20), af.Invert(p=1)
untyped: Any = af  # for calls that a type checker refuses


def raises(call: Callable[[], Any], *words: str, kind: type[af.AugfuseError] = af.AugfuseError) -> None:
    """The error has all these words."""
    with pytest.raises(kind) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


class TestChildren:
    @pytest.mark.parametrize("cls", [af.OneOf, af.RandomOrder, af.Sequential, lambda t: af.SomeOf(t, 1)])
    @pytest.mark.parametrize(
        ("child", "got"),
        [(None, "None"), ("Rotate", "'Rotate'"), (3, "3"), ([R], "[Rotate("), (af.Recipe([R]), "Recipe(")],
    )
    def test_what_is_no_transform(self, cls: Any, child: Any, got: str) -> None:
        raises(lambda: cls([R, child]), ".transforms[1]: got ", got, "wanted a transform. Use af.Rotate(20)")

    @pytest.mark.parametrize("cls", [af.Rotate, af.OneOf, af.HorizontalFlip])
    def test_a_class_that_is_not_called(self, cls: type) -> None:
        raises(lambda: untyped.OneOf([R, cls]), "OneOf.transforms[1]: got <class ", f"Call it: af.{cls.__name__}().")

    def test_a_function(self) -> None:
        raises(
            lambda: untyped.Sequential([np.fliplr]),
            "Sequential.transforms[0]: got <function fliplr",
            "wanted a transform",
        )

    @pytest.mark.parametrize("name", ["OneOf", "RandomOrder", "Sequential"])
    def test_no_list(self, name: str) -> None:
        cls = getattr(af, name)
        raises(lambda: cls([]), f"{name}.transforms: got an empty list, wanted at least one transform.", "Leave it out")
        raises(
            lambda: cls(R), f"{name}.transforms: got one Rotate, wanted a list", f"Use af.{name}([af.Rotate(), ...])"
        )
        raises(lambda: cls(x for x in [R]), f"{name}.transforms: got <generator", f"af.{name}([af.Rotate(), ...])")
        raises(lambda: cls(), f"{name}: got no 'transforms', which has no default")
        raises(lambda: cls([R] * 101), f"{name}.transforms: got 101 transforms, wanted at most 100")

    def test_lists_of_the_others(self) -> None:
        raises(lambda: af.SomeOf([], 1), "SomeOf.transforms: got an empty list")
        raises(lambda: af.When(labels=[1], transforms=[]), "When.transforms: got an empty list, wanted at least one")
        raises(
            lambda: untyped.When(labels=[1], transforms=R), "When.transforms: got one Rotate", "af.When(transforms=["
        )
        raises(lambda: untyped.Schedule([R]), "Schedule.transform: got a list, wanted one", "af.Sequential([...])")
        raises(lambda: untyped.Schedule(None), "Schedule.transform: got None, wanted a transform")
        raises(
            lambda: untyped.Views(a=R), "Views.a: got one Rotate, wanted a list", "Use af.Views(a=[af.Rotate(), ...])"
        )
        raises(lambda: untyped.Views(a=[R, "Rotate"]), "Views.a[1]: got 'Rotate', wanted a transform")

    @pytest.mark.parametrize(
        ("steps", "where", "got", "hint"),
        [
            ("[OneOf: {transforms: [Rotate, Rotat]}]", "transforms[0].OneOf.transforms[1]", "'Rotat'", "mean"),
            ("[Rotate, Views: {a: [], b: [Blur]}]", "transforms[1].Views.b[0]", "'Blur'", "name of a transform"),
            ("[OneOf: {transforms: [Sequential: {transforms: [{Spin: {}}]}]}]",
             "transforms[0].OneOf.transforms[0].Sequential.transforms[0]", "'Spin'", "name of a transform"),
            ("[Schedule: {transform: Spin}]", "transforms[0].Schedule.transform", "'Spin'", "name of a transform"),
            ("[Schedule: {epochs: 3}]", "transforms[0].Schedule", "no 'transform'", "Add transform: to it"),
            ("[SomeOf: {transforms: [Rotate]}]", "transforms[0].SomeOf", "no 'n'", "Add n: to it"),
            ("[OneOf: {transform: [Rotate]}]", "transforms[0].OneOf", "'transform'", "Did you mean 'transforms'?"),
            ("[OneOf: [Rotate, Invert]]", "transforms[0].OneOf", "['Rotate', 'Invert']", "such as 'transforms: ...'"),
            ("[Views: [Rotate]]", "transforms[0].Views", "['Rotate']", "named lists, such as 'a: [HorizontalFlip]'"),
            ("[Views: {a: Rotate}]", "transforms[0].Views.a", "str", "wanted a list"),
        ],
    )  # fmt: skip
    def test_in_a_recipe_file(self, steps: str, where: str, got: str, hint: str) -> None:
        raises(lambda: af.Recipe.from_yaml(f"transforms: {steps}"), f"recipe.{where}: ", got, hint, kind=af.RecipeError)


class TestWeights:
    @pytest.mark.parametrize("weights", [[1], [1, 2, 3], (1, 2, 3, 4)])
    def test_of_another_length(self, weights: Any) -> None:
        raises(lambda: af.OneOf([R, R], weights=weights), f"OneOf.weights: got {len(weights)} for 2 transforms, wanted "
               "one for each. Leave weights out", kind=af.RangeError)  # fmt: skip

    @pytest.mark.parametrize(
        "weights",
        [
            [0, 0],
            (0.0, 0.0),
            [1, -1],
            [1, np.nan],
            [1, np.inf],
            ["a", "b"],
            "ab",
            [True, True],
            {1: 2},
            0.5,
            [],
            [None, 1],
        ],
    )
    def test_that_are_none(self, weights: Any) -> None:
        raises(lambda: af.OneOf([R, R], weights=weights), "OneOf.weights: got ", "wanted a number >= 0 for each "
               "transform, not all of them 0. Leave weights out", kind=af.RangeError)  # fmt: skip


class TestNumbers:
    @pytest.mark.parametrize(("n", "got"), [(3, "3"), ((1, 3), "(1, 3)"), ([2, 9], "(2, 9)"), (10**30, str(10**30))])
    def test_more_than_there_are(self, n: Any, got: str) -> None:
        raises(lambda: af.SomeOf([R, INVERT], n), f"SomeOf.n: got {got} of 2 transforms, wanted at most 2. Use n=2, or "
               "replace=True.", kind=af.RangeError)  # fmt: skip

    @pytest.mark.parametrize("n", [-1, 1.0, True, "2", None, (2, 1), (1, 2, 3), (0, None), [], np.float32(1)])
    def test_that_are_no_number_of_transforms(self, n: Any) -> None:
        raises(lambda: af.SomeOf([R, INVERT], n), "SomeOf.n: got ", "wanted a whole number >= 0, or (fewest, most)")

    def test_with_repetition(self) -> None:
        raises(lambda: af.SomeOf([R, INVERT], 51, replace=True), "SomeOf.n: got 51 times 2 transforms, wanted at most "
               "100 in all. Use n=50.")  # fmt: skip
        raises(lambda: untyped.SomeOf([R], 1, replace="no"), "SomeOf.replace: got 'no', wanted True or False")

    def test_orders_of_very_many(self) -> None:
        raises(lambda: af.RandomOrder([R] * 17), "RandomOrder.transforms: got 17, wanted at most 16", "af.Sequential")
        four = af.RandomOrder([af.RandomOrder([R] * 10)] * 10)
        raises(lambda: af.Sequential([four] * 2), "Sequential: got transforms that are applied 20,000 times in all",
               "wanted at most 10,000. Give fewer")  # fmt: skip

    @pytest.mark.parametrize("p", [-0.1, 1.5, np.nan, "half", True, None])
    def test_probabilities(self, p: Any) -> None:
        for cls in (af.OneOf, af.Sequential, af.RandomOrder):
            raises(lambda cls=cls: cls([R], p=p), f"{cls.__name__}.p: got ", "wanted a number within 0..1")

    @pytest.mark.parametrize(
        "wrap", [lambda t: af.Sequential([t]), lambda t: af.OneOf([R, t]), lambda t: af.Schedule(t)]
    )
    def test_levels(self, wrap: Callable[[Any], Any]) -> None:
        deep: Any = af.Sequential([R])
        for level in range(20):
            try:
                deep = wrap(deep) if level % 2 else af.Sequential([deep])
            except af.RecipeError as error:
                assert re.search(r"got transforms that are nested 8 levels deep, wanted fewer\. Put inner", str(error))
                return
        raise AssertionError


class TestSizes:
    """In evaluation OneOf and SomeOf are left out, and what sets the size with them."""

    @pytest.mark.parametrize("name", ["OneOf", "SomeOf"])
    @pytest.mark.parametrize(
        ("children", "path"),
        [
            ([af.Resize(9)], "Resize#0"),
            ([R, af.Pad(1)], "Pad#0"),
            ([R, af.CenterCrop(4), R], "CenterCrop#0"),
            ([af.RandomCrop(9, p=0.5)], "RandomCrop#0"),
            ([af.RandomResizedCrop(9)], "RandomResizedCrop#0"),
            ([R, af.Sequential([INVERT, R, af.Resize(9)])], "Sequential#0/Resize#0"),
            ([af.Sequential([R]), af.Sequential([af.When(labels=[1], transforms=[R, af.Resize(4)])])],
             "Sequential#1/When#0/Resize#0"),
            ([af.Schedule(af.RandomCrop(4), p=(0, 1))], "Schedule#0/RandomCrop#0"),
        ],
    )  # fmt: skip
    def test_of_a_child(self, name: str, children: list[Any], path: str) -> None:
        make = af.OneOf if name == "OneOf" else lambda children: af.SomeOf(children, 1)
        raises(lambda: make(children), f"{name}#0/{path}: got a transform that sets the size of the image, wanted none "
               f"inside of {name}", "Put it before or behind", "af.Sequential", kind=af.RecipeError)  # fmt: skip

    def test_that_differ_within_a_batch(self) -> None:
        recipe = af.Recipe([af.Sequential([af.Resize(9)], p=0.5)])
        raises(lambda: recipe.batch(pictures(9, 8, 8), seed=0), "images of different sizes (8x8, 9x9)", "Add af.Resize")


class TestPlaces:
    @pytest.mark.parametrize("end", [af.Normalize(), af.ToFloat(), af.PerImageStandardize(), af.Views(a=[R])])
    def test_what_comes_last_has_no_place_inside(self, end: Any) -> None:
        name = type(end).__name__
        for wrap in (
            lambda t: af.OneOf([R, t]), lambda t: af.SomeOf([t], 1), lambda t: af.RandomOrder([R, t]),
            lambda t: af.Sequential([t]), lambda t: af.When(labels=[1], transforms=[t]), af.Schedule,
        ):  # fmt: skip
            raises(
                lambda wrap=wrap: wrap(end), f"#0/{name}#0: got {name} inside of", "wanted it at the end of the recipe"
            )

    def test_views(self) -> None:
        views = af.Views(a=[R], b=[])
        raises(lambda: af.Recipe([views, R]), "Recipe.transforms[0]: got Views before Rotate, wanted Views last",
               "Move Rotate into each of its lists")  # fmt: skip
        raises(lambda: af.Recipe([views, af.Normalize()]), "got Views before Normalize", "Move Normalize into each")
        raises(lambda: af.Recipe([views, views]), "Recipe.transforms[0]: got Views before Views")
        raises(lambda: af.Recipe([af.Normalize(), views]), "Recipe.transforms[0]: got Normalize before Views")
        raises(lambda: af.Views(a=[views]), "Views.a: got Views inside of Views, wanted one", "af.Views(a=[...], b=")
        raises(
            lambda: af.Views(a=[], b=[af.ToFloat(), R]), "Views.b[0]: got ToFloat before Rotate", "Move it to the end"
        )
        raises(lambda: af.Views(), "Views.views: got {}, wanted named lists. Use af.Views(a=[...], b=[...])")
        raises(lambda: untyped.Views([R]), "Views: got 1 values, wanted at most 0; all are given by name")
        for name in ("a b", "a/b", "1", "", "a#0"):
            raises(lambda name=name: af.Views(**{name: [R]}), "Views.views: got the name ", "wanted letters, digits")


class TestSchedules:
    @pytest.mark.parametrize("epochs", [0, -3, 2.5, np.nan, None, "ten", True, 10**12])
    def test_epochs(self, epochs: Any) -> None:
        raises(lambda: af.Schedule(R, strength=(0, 1), epochs=epochs), "Schedule.epochs: got ", "wanted a whole number "
               "within 1..1e+09 epochs", kind=af.RangeError)  # fmt: skip

    @pytest.mark.parametrize(
        "values", [0.5, (0,), (0, 1, 2), (-1, 1), (0, np.inf), ("a", "b"), "01", [], (True, False)]
    )
    def test_values(self, values: Any) -> None:
        raises(
            lambda: af.Schedule(R, strength=values), "Schedule.strength: got ", "wanted two numbers >= 0: (first, last)"
        )
        raises(lambda: af.Schedule(R, p=values), "Schedule.p: got ", "wanted two numbers within 0..1: (first, last)")

    def test_arguments(self) -> None:
        raises(lambda: af.Schedule(R, p=(0, 1.5)), "Schedule.p: got (0, 1.5), wanted two numbers within 0..1")
        raises(lambda: untyped.Schedule(), "Schedule: got no 'transform', which has no default")
        raises(lambda: untyped.Schedule(R, epoch=3), "Schedule has no 'epoch'", "Did you mean 'epochs'?")
        raises(
            lambda: untyped.Schedule(R, (0, 1), 3, (0, 1), 5),
            "Schedule: got 5 values, wanted at most 4: transform, strength",
        )
        raises(lambda: untyped.Schedule(R, transform=R), "Schedule: got transform twice, wanted it once")
        raises(lambda: af.Schedule(af.Schedule(R)), "Schedule.transform: got a Schedule, wanted another transform")


class TestLabels:
    DATA = af.from_arrays(pictures(9, 6, 6), labels_of(np.arange(9)), classes=("cow", "cat", "dog"))
    PLAIN = af.from_arrays(pictures(9, 6, 6), labels_of(np.arange(9)))

    def loader(self, wanted: Any, data: Any = None, wrap: Callable[[Any], Any] = lambda t: t) -> af.Loader:
        recipe = af.Recipe([R, wrap(af.When(labels=wanted, transforms=[INVERT]))])
        return af.Loader(self.DATA if data is None else data, recipe, 4, seed=0)

    @pytest.mark.parametrize("wanted", [[], None, [0.5], [1.0], [None], [True], {"cat"}, range(3), [["cat"]]])
    def test_that_are_none(self, wanted: Any) -> None:
        raises(lambda: af.When(labels=wanted, transforms=[R]), "When.labels: got ", "wanted class numbers or class "
               'names. Use labels=[0, 1] or labels=["cat", "dog"]', kind=af.RangeError)  # fmt: skip

    @pytest.mark.parametrize(
        ("wanted", "words"),
        [
            (["cat", "dgo"], ("got 'dgo', wanted one of the classes cow, cat, dog.", "Did you mean 'dog'?")),
            (["bird"], ("got 'bird', wanted one of the classes cow, cat, dog",)),
            ([0, 3], ("got 3, wanted the number of a class, 0..2",)),
            ([-1], ("got -1, wanted the number of a class, 0..2",)),
            ("Cat", ("got 'Cat'", "Did you mean 'cat'?")),
        ],
    )
    def test_a_class_that_the_data_do_not_have(self, wanted: Any, words: tuple[str, ...]) -> None:
        """When the loader is built, also far inside of a tree, and for data without names of classes."""
        raises(lambda: self.loader(wanted), "When#0.labels: ", *words, kind=af.DataError)
        raises(lambda: self.loader(wanted, wrap=lambda t: af.OneOf([R, af.Sequential([R, t])])),
               "OneOf#0/Sequential#0/When#0.labels: ", *words)  # fmt: skip
        raises(lambda: self.loader(wanted, wrap=lambda t: af.Views(a=[], b=[t])), "Views#0/b/When#0.labels: ", *words)

    def test_data_without_names(self) -> None:
        raises(lambda: self.loader(["cat"], self.PLAIN), "When#0.labels: got the name 'cat' for labels that are "
               "numbers, wanted numbers in both", "classes=", kind=af.DataError)  # fmt: skip
        raises(lambda: self.loader([0, 7], self.PLAIN), "When#0.labels: got 7, wanted the number of a class", "0..2")
        rows = af.from_arrays(pictures(3, 6, 6), np.eye(3))
        raises(lambda: self.loader([3], rows), "When#0.labels: got 3", "0..2")
        assert len(list(self.loader([2], self.PLAIN))) == 3 and len(list(self.loader([2], rows))) == 1

    def test_folders(self, tmp_path: Path) -> None:
        for name in ("cat", "dog"):
            (tmp_path / name).mkdir()
            Image.new("RGB", (6, 6)).save(tmp_path / name / "1.png")
        raises(lambda: self.loader(["cow"], af.from_directory(tmp_path)), "When#0.labels: got 'cow', wanted one of the "
               "classes cat, dog", kind=af.DataError)  # fmt: skip
        assert len(self.loader(["dog"], af.from_directory(tmp_path))) == 1

    def test_names_and_numbers(self) -> None:
        named, numbered = (af.Recipe([af.When(labels=one, transforms=[INVERT])]) for one in (["cat"], [1]))
        x = pictures(2, 6, 6)
        raises(lambda: named.batch(x, [0, 1], seed=0), "When#0.labels: got the name 'cat' for labels that are numbers",
               "wanted numbers in both")  # fmt: skip
        raises(
            lambda: numbered.batch(x, ["cat", "dog"], seed=0),
            "When#0.labels: got the number 1 for labels that are names",
        )
        raises(lambda: named(image=x[0], label=1, seed=0, index=0), "got the name 'cat' for labels that are numbers")

    @pytest.mark.parametrize("labels", [[0.5, 1], np.zeros((2, 3, 4)), [None, "cat"], np.array([1j, 2])])
    def test_labels_of_images_that_are_none(self, labels: Any) -> None:
        recipe = af.Recipe([af.When(labels=[1], transforms=[INVERT])])
        raises(lambda: recipe.batch(pictures(2, 6, 6), labels, seed=0), "labels: got ", "for a recipe with When, "
               "wanted one class number or name for each image", kind=af.ImageError)  # fmt: skip

    def test_data_without_labels_do_nothing_and_warn_once(self) -> None:
        images = pictures(5, 6, 6)
        for data in (af.from_arrays(images), images_only(images)):
            with pytest.warns(af.AugfuseWarning, match="When: got images without labels, .*Give labels") as told:
                recipe = af.Recipe([af.When(labels=[0], transforms=[INVERT])])
                loader = af.Loader(data, recipe, 2, seed=0, shuffle=False, dtype="uint8")
                for _ in range(2):
                    assert np.array_equal(np.concatenate([batch.images.copy() for batch in loader]), images)
            assert len(told) == 1

    def test_labels_that_nobody_names_pass_unchanged(self) -> None:
        images = pictures(4, 6, 6)
        recipe = af.Recipe([untyped.When(labels=[5, 6], transforms=[INVERT]), untyped.When(labels=8, transforms=[R])])
        assert np.array_equal(recipe.batch(images, [0, 1, -3, 99], seed=0).images, images)


class images_only:  # a source as users write them
    def __init__(self, images: np.ndarray) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> np.ndarray:
        return self.images[i]
