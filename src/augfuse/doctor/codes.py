"""Every finding that the doctor can make: its code, severity and title. `explanations.md` says more about each."""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")


class Code(NamedTuple):
    """A severity and a title. error: training fails, or its numbers are wrong. warning: results suffer. hint: worth
    knowing."""

    severity: Severity
    title: str


CODES: dict[str, Code] = {
    # files
    "AF101": Code("error", "unreadable files"),
    "AF102": Code("warning", "images that are not read"),
    "AF103": Code("hint", "suffix of another format"),
    "AF104": Code("hint", "CMYK colours"),
    "AF105": Code("error", "16-bit beside 8-bit files"),
    "AF106": Code("hint", "turned by EXIF"),
    "AF107": Code("hint", "several frames or pages"),
    "AF108": Code("hint", "transparency"),
    "AF109": Code("warning", "images left out"),
    "AF110": Code("warning", "tiny images"),
    "AF111": Code("hint", "extreme aspect ratio"),
    "AF112": Code("hint", "huge images"),
    "AF113": Code("warning", "images of one colour"),
    # duplicates
    "AF201": Code("warning", "the same image twice"),
    "AF202": Code("error", "leak: the same image in two parts"),
    "AF203": Code("error", "the same image with different labels"),
    "AF204": Code("hint", "nearly the same image twice"),
    "AF205": Code("warning", "leak: nearly the same image in two parts"),
    "AF206": Code("warning", "nearly the same image with different labels"),
    "AF207": Code("error", "augmented copies in a held-out part"),
    # classes, labels and parts
    "AF301": Code("warning", "classes out of balance"),
    "AF302": Code("warning", "few images in a class"),
    "AF303": Code("error", "classes differ between parts"),
    "AF304": Code("warning", "class numbers differ between parts"),
    "AF305": Code("warning", "class names that differ only in case or spaces"),
    "AF306": Code("error", "fewer than two classes"),
    "AF307": Code("error", "a class without images"),
    "AF308": Code("warning", "a contiguous split would miss classes"),
    "AF309": Code("warning", "class numbers with gaps"),
    "AF310": Code("error", "labels that cannot be used"),
    "AF311": Code("error", "a part without labels or images"),
    "AF312": Code("warning", "labels in two forms"),
    "AF313": Code("warning", "classes that look like parts"),
    # pixel values
    "AF401": Code("error", "parts on different scales"),
    "AF402": Code("error", "NaN or infinite pixels"),
    "AF403": Code("warning", "floats outside 0..1"),
    "AF404": Code("error", "arrays that no data set takes"),
    # the recipe
    "AF501": Code("error", "the recipe fails on this data"),
    "AF502": Code("error", "sizes that do not stack"),
    "AF503": Code("hint", "nothing scales the pixels"),
    "AF504": Code("hint", "an augmentation that may change labels"),
    "AF505": Code("warning", "statistics of other data"),
    # the model
    "AF601": Code("error", "labels do not suit the loss"),
    "AF602": Code("error", "outputs do not suit the classes"),
    "AF603": Code("warning", "statistics never fitted"),
    "AF604": Code("error", "images do not suit the model's input"),
    "AF605": Code("error", "last activation does not suit the loss"),
    "AF606": Code("warning", "pixels scaled twice"),
    "AF607": Code("error", "preprocessing differs from training"),
    "AF608": Code("warning", "no better than guessing"),
    "AF609": Code("error", "classes in another order"),
    "AF610": Code("hint", "preprocessing of the model not tested"),
    # annotations
    "AF701": Code("error", "annotations that cannot be used"),
    "AF702": Code("error", "class numbers without a name"),
    "AF703": Code("warning", "boxes that reach out of their image"),
    "AF704": Code("warning", "boxes without area"),
    "AF705": Code("warning", "the same box twice"),
    "AF706": Code("hint", "tiny boxes"),
    "AF707": Code("warning", "classes without a box"),
    "AF708": Code("hint", "images without annotations"),
    "AF709": Code("error", "masks that do not fit their images"),
    "AF710": Code("warning", "mask values that are not class numbers"),
    "AF711": Code("warning", "images and masks, or labels, taken as classes"),
}
