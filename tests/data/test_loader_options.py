"""Options are what was asked for: fixed where setting them would do nothing, refused where they are of another kind."""

from __future__ import annotations

import copy
import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.cli import main
from children import fork, in_clean_process

RECIPE = af.Recipe([af.Rotate(20), af.HorizontalFlip()])


def source(n: int = 24) -> Any:
    x = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), np.uint8)
    return af.from_arrays(x, np.arange(n) % 3)


def loader(**options: Any) -> af.Loader:
    return af.Loader(source(), RECIPE, **{"batch_size": 4, "seed": 7, "workers": 2, **options})


def drawn(loop: Any) -> list[bytes]:
    return [batch.images.tobytes() for batch in loop]


# --- fixed when it is made ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("training", False),
        ("batch_size", 12),
        ("shuffle", False),
        ("data", source(6)),
        ("seed", 3),
        ("workers", 0),
        ("drop_last", True),
        ("recipe", af.Recipe()),
        ("one_hot", True),
        ("dtype", "uint8"),
    ],
)
def test_options_of_a_loader_cannot_be_set(name: str, value: Any) -> None:
    made = loader()
    with pytest.raises(af.ReadOnlyError, match=rf"Loader\.{name}: .*Make another one, with af\.Loader\(.*{name}="):
        setattr(made, name, value)
    assert drawn(made) == drawn(loader())


def test_what_is_no_option_cannot_be_set_either() -> None:
    made = loader()
    with pytest.raises(AttributeError, match=r"no option 'batchsize'.* Did you mean 'batch_size'"):
        made.batchsize = 12  # type: ignore[attr-defined]
    with pytest.raises(af.AugfuseError, match=r"Type loader\.set_epoch\(3\)"):
        made.epoch = 3  # type: ignore[misc]
    assert made.epoch == 0


def test_options_of_a_loader_can_be_read() -> None:
    made = loader(shuffle=False, drop_last=True)
    assert (made.training, made.batch_size, made.shuffle, made.seed) == (True, 4, False, 7)
    assert (made.workers, made.drop_last, len(made.data), made.recipe) == (2, True, 24, RECIPE)
    for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert drawn(again) == drawn(loader(shuffle=False, drop_last=True))


# --- of another kind ---


@pytest.mark.parametrize("value", ["no", "false", 0, 1, [], np.array([True])])
@pytest.mark.parametrize("name", ["training", "drop_last", "one_hot", "shuffle"])
def test_what_is_not_true_or_false_is_refused(name: str, value: Any) -> None:
    with pytest.raises(af.RangeError, match=rf"{name}: got .*wanted True or False"):
        loader(**{name: value})
    for good in (True, np.True_, False, np.False_):
        assert len(loader(**{name: good})) == 6


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_a_split_takes_true_or_false(value: Any) -> None:
    with pytest.raises(af.RangeError, match=r"stratify: got .*wanted True or False"):
        source().split(0.5, stratify=value)


@pytest.mark.parametrize("seed", [True, 1.0, "1", None])
def test_a_split_takes_a_whole_seed(seed: Any) -> None:
    with pytest.raises(af.DataError, match="got seed"):
        source().split(0.5, seed=seed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 4.0),
        ("batch_size", True),
        ("batch_size", "4"),
        ("workers", 1.5),
        ("workers", True),
        ("seed", 1.5),
        ("seed", True),
        ("max_skipped", True),
        ("max_skipped", "0.1"),
        ("shard", (0.0, 2)),
        ("shard", (True, 2)),
        ("dtype", "floot"),
        ("dtype", 7),
        ("layout", "nhwc"),
    ],
)
def test_numbers_and_words_of_another_kind_are_refused(name: str, value: Any) -> None:
    with pytest.raises(af.AugfuseError, match=f"{name}.*got .*wanted"):
        loader(**{name: value})


@pytest.mark.parametrize("copies", [1.5, True, "2", 0])
def test_augment_takes_whole_numbers(copies: Any) -> None:
    with pytest.raises(af.RangeError, match=r"copies: got .*wanted a whole number"):
        af.augment(source(), RECIPE, copies=copies)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 1.5},
        {"epochs": True},
        {"seeds": "2"},
        {"batch_size": 8.0},
        {"keep_weights": "no"},
        {"class_weights": 1},
        {"overwrite": "false"},
        {"tensorboard": 0},
        {"trust_model": "yes"},
        {"progress": "no"},
        {"minutes": "1"},
        {"minutes": True},
    ],
)
def test_train_takes_nothing_of_another_kind(options: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
    (name,) = options
    with pytest.raises(af.RangeError, match=rf"{name.replace('_', '.')}: got .*wanted"):
        af.train(out=tmp_path / "runs", **options)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--epochs", "1.5"],
        ["train", "--seeds", "2.7"],
        ["train", "--batch-size", "1e3"],
        ["doctor", "data", "--limit", "10.5"],
        ["augment", "data", "copies", "--copies", "1.5"],
        ["augment", "data", "copies", "--workers", "0.4"],
        ["explain", "recipe.yaml", "--shape", "224", "224", "2.5"],
    ],
)
def test_fractions_are_not_rounded_on_the_command_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr()
    assert "wanted a whole number, such as 3" in " ".join((said.out + said.err).split())
    assert list(tmp_path.iterdir()) == []


def test_whole_numbers_are_taken_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.to_yaml(), encoding="utf-8")
    assert main(["explain", str(path), "--shape", "24", "032", "3"]) == 0
    assert "24" in capsys.readouterr().out


# --- states ---


@pytest.mark.parametrize(
    "changed",
    [
        {"samples": "x"},
        {"samples": 1.5},
        {"samples": -1},
        {"samples": 25},
        {"samples": True},
        {"epoch": None},
        {"epoch": -1},
        {"epoch": 2**63},
        {"epoch": "0"},
        {"seed": "7"},
        {"seed": None},
        {"shuffle": 1},
        {"shuffle": "yes"},
        {"recipe": None},
        {"length": np.arange(3)},
        {"version": [1]},
    ],
)
def test_a_state_of_another_kind_is_refused(changed: dict[str, Any]) -> None:
    (name,) = changed
    for made in (loader(), loader(seed=None)):
        made.load_state_dict(made.state_dict())
        before = made.state_dict()
        with pytest.raises(af.StateError, match=rf"state: .*{name}"):
            made.load_state_dict({**before, **changed})
        assert made.state_dict() == before


def test_a_state_comes_back_from_other_programs() -> None:
    made = loader()
    loop = iter(made)
    drawn(next(loop) for _ in range(2))
    state = dict(made.state_dict())
    for name in ("version", "epoch", "samples", "length"):
        state[name] = np.int64(state[name])
    again = loader()
    again.load_state_dict(state)
    assert drawn(again) == drawn(loader())[2:]
    unseeded = loader(seed=None)
    unseeded.load_state_dict(made.state_dict())
    assert unseeded.seed == 7


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_a_copy_in_the_middle_of_an_epoch_begins_the_next_one(twin: Callable[[Any], Any]) -> None:
    made = loader()
    loop = iter(made)
    next(loop)
    again = twin(made)
    other = loader()
    other.set_epoch(1)
    assert drawn(again) == drawn(other)
    kept = twin(made)
    kept.load_state_dict(made.state_dict())
    assert drawn(kept) == drawn(loader())[1:]
    assert len(drawn(loop)) == 5  # and the original goes on


# --- forks ---


def in_a_fork(work: Callable[[], str]) -> str:
    """What `work` returns in a forked child; "hangs" where it does not end within 20 seconds."""
    read, write = os.pipe()
    child = fork()
    if child == 0:
        signal.alarm(20)
        try:
            os.write(write, work().encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        said = answer.read().decode()
    _, status = os.waitpid(child, 0)
    return "hangs" if os.WIFSIGNALED(status) else said


@in_clean_process
def test_a_loop_with_threads_does_not_go_on_in_a_fork() -> None:
    for workers, taken in ((1, 1), (2, 1), (5, 1), (1, 3), (2, 3), (5, 3)):
        for loop in (iter(loader(workers=workers)), loader(workers=workers).stream(0)):
            for _ in range(taken):
                next(loop)

            def goes_on(loop: Any = loop) -> str:
                try:
                    return f"{len(drawn(loop))} batches"
                except af.StateError as error:
                    return str(error)

            assert "its threads are there" in in_a_fork(goes_on), (workers, taken)
            assert len(drawn(loop)) == 6 - taken  # the parent is not disturbed


@in_clean_process
def test_a_new_loop_in_a_fork_is_fine() -> None:
    made = loader()
    loop = iter(made)
    next(loop)
    wanted = [batch.images.tobytes() for batch in loader().stream(1)]

    def new_loop() -> str:
        return "equal" if drawn(made) == wanted else "differs"

    assert in_a_fork(new_loop) == "equal"
    assert len(drawn(loop)) == 5


@in_clean_process
def test_a_loop_without_threads_goes_on_in_a_fork() -> None:
    loop = iter(loader(workers=0))
    next(loop)
    assert in_a_fork(lambda: f"{len(drawn(loop))} batches") == "5 batches"


@in_clean_process
def test_locks_that_are_held_at_the_fork_do_not_stop_the_child() -> None:
    made = loader()
    next(iter(made))
    with made._ring._lock, made._reader._lock:
        assert in_a_fork(lambda: f"{len(drawn(made))} batches") == "6 batches"
