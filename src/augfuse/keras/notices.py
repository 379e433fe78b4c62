"""Notices, once in a process, about a defect of Keras that augfuse corrects."""

from __future__ import annotations

from augfuse.warn_once import warn_first


def notice(subject: str, message: str) -> None:
    """Give `message` as an AugfuseWarning, the first time in this process that `subject` is named.

    `message` says what differs from Keras; how to get Keras' behaviour back is added to it.
    """
    keras = 'For what Keras does pass compat="strict"; every difference is in docs/imagedatagenerator.md.'
    warn_first(subject, f"{message} {keras}")


def say_of_iterator(draws_by_seed: bool, spares_validation: bool, saves: bool) -> None:
    """What differs for the options of an iterator: a seed, the validation subset of augmented images, save_to_dir."""
    if draws_by_seed:
        notice(
            "seed",
            "Keras resets NumPy's global seed before each batch, and a batch depends on how many were asked for "
            "before it. Here a batch is a function of seed, epoch and position: other draws than Keras' for the "
            "same seed.",
        )
    if spares_validation:
        notice("validation", "Keras augments the validation subset; here it is only standardised.")
    if saves:
        notice(
            "save-to-dir",
            "With save_to_dir Keras draws file names from the same generator, which changes the augmentations, and "
            "stretches each picture to 0..255. Here nothing changes, pictures are saved as they are, and no file is "
            "overwritten.",
        )
