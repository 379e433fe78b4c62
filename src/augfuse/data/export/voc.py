"""Pascal VOC: JPEGImages/NAME, Annotations/NAME.xml, and the names of each part in ImageSets/Main."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np

from augfuse.data.export.losses import ROUNDING, Losses
from augfuse.data.export.sample_files import Picture, Work
from augfuse.errors import DataError
from augfuse.text import shown

_HELD = ("boxes", "box_labels", "crowd", "difficult", "truncated")


def write_part(work: Work) -> None:
    """The images and annotations of a part, all in one folder, as VOC has them."""
    data, folder = work.data, work.folder
    work.losses.begin(data, _HELD)
    for name in data.classes or ():
        if not name.strip() or name != name.strip() or not name.isprintable():
            raise DataError(
                f"class {shown(name)} cannot stand in an XML file. In Python type data.with_classes([...])."
            )
    for place in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    for i, name, picture in work.pictures():
        (folder / "JPEGImages" / name).write_bytes(picture.raw)
        text = _annotation(name, picture, data.classes or (), work.losses)
        (folder / "Annotations" / f"{work.names[i]}.xml").write_text(text, encoding="utf-8")
    if work.part is not None:
        listing = folder / "ImageSets" / "Main" / f"{work.part}.txt"
        listing.write_text("".join(f"{name}\n" for name in work.names), encoding="utf-8")


def _annotation(file: str, picture: Picture, classes: Sequence[str], losses: Losses) -> str:
    size, targets = picture.size, picture.targets
    things = [_thing(picture, k, str(classes[label]), losses) for k, label in enumerate(targets["box_labels"].tolist())]
    return (
        f"<annotation>\n  <folder>JPEGImages</folder>\n  <filename>{escape(file)}</filename>\n  <size><width>"
        f"{size.width}</width><height>{size.height}</height><depth>{picture.channels}</depth></size>\n"
        f"  <segmented>0</segmented>\n{''.join(things)}</annotation>\n"
    )


def _thing(picture: Picture, k: int, name: str, losses: Losses) -> str:
    """Whole pixels, counted from 1, both ends included, as many readers of VOC expect."""
    targets = picture.targets
    box = targets["boxes"][k].astype(np.float64)
    left, top, right, bottom = np.rint(box).astype(np.int64).tolist()
    if (np.abs(np.rint(box) - box) > ROUNDING).any():
        losses.note("boxes are rounded to whole pixels")
    crowd = "crowd" in targets and bool(targets["crowd"][k])
    if crowd:
        losses.note("objects are crowds, and are written as difficult")
    flags = {flag: int(flag in targets and bool(targets[flag][k])) for flag in ("truncated", "difficult")}
    flags["difficult"] |= crowd
    sides = {"xmin": left + 1, "ymin": top + 1, "xmax": max(right, left + 1), "ymax": max(bottom, top + 1)}
    return (
        f"  <object>\n    <name>{escape(name)}</name>\n    <pose>Unspecified</pose>\n"
        + "".join(f"    <{flag}>{value}</{flag}>\n" for flag, value in flags.items())
        + "    <bndbox>"
        + "".join(f"<{side}>{value}</{side}>" for side, value in sides.items())
        + "</bndbox>\n  </object>\n"
    )
