"""Pieces of the report page. Every text goes through `escape` here, so that no name can break out of the page, and none
holds control characters or turns the direction of what follows."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence

import numpy as np

from augfuse.data.codecs.encode import jpeg_bytes
from augfuse.display.pages import png_bytes
from augfuse.experiment.report.thumbnails import shrunk
from augfuse.text import printable

# Mistakes of this side and larger are shown as JPEG.
_PNG_BELOW = 65
_THUMBNAIL = 192
_LARGEST_PNG = 1_500_000
_LARGEST_SIDE = 1600
_SHOWN_CLASSES = 30


def escape(text: str) -> str:
    """A text for the page: printable, and nothing in it is markup."""
    return html.escape(printable(text))


def section(name: str, title: str, body: str) -> str:
    """A part of the page that `#name` leads to."""
    return f'<section id="{escape(name)}"><h2>{escape(title)}</h2>{body}</section>'


def paragraph(text: str, kind: str = "") -> str:
    """One paragraph of escaped text; `words in backquotes` become code, and flags are not broken across lines."""
    return f'<p class="{kind}">{inline(text)}</p>' if kind else f"<p>{inline(text)}</p>"


def inline(text: str) -> str:
    """Escaped text with code and flags marked."""
    marked = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"(?<![\w-])--[a-z][a-z-]*( [\d.]+\d|)", r'<span class="flag">\g<0></span>', marked)


def tile(kind: str, number: str, words: str) -> str:
    """A large number with what it is."""
    return f'<div class="tile {kind}"><b>{escape(number)}</b><span>{escape(words)}</span></div>'


def row(cells: Iterable[str], *, heading: bool = False) -> str:
    """A table row; the first cell is the row's heading where asked for."""
    parts = [f"<td>{escape(cell)}</td>" for cell in cells]
    if heading:
        parts[0] = parts[0].replace("<td>", '<th scope="row">').replace("</td>", "</th>")
    return f"<tr>{''.join(parts)}</tr>"


def head(cells: Iterable[str]) -> str:
    """A row of column headings."""
    return f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in cells)}</tr>"


def over(first: str, groups: Sequence[tuple[str, int]], last: str | None = None) -> str:
    """A row of headings above groups of columns: (name, columns); a name of an arm gets the arm's colour."""
    middle = "".join(f'<th colspan="{columns}" class="over {name}">{name}</th>' for name, columns in groups)
    return f"<tr><th>{escape(first)}</th>{middle}{'' if last is None else f'<th>{escape(last)}</th>'}</tr>"


def table(head_rows: str, rows: Sequence[str], foot_rows: str = "", kind: str = "", *, folds: bool = False) -> str:
    """A table that scrolls inside itself where the screen is narrower. folds: of many rows, of a class each, those
    behind the first ones open by a click."""
    if folds and len(rows) > _SHOWN_CLASSES:
        others = table(head_rows, rows[_SHOWN_CLASSES:], kind=kind)
        first = table(head_rows, rows[:_SHOWN_CLASSES], foot_rows, kind)
        return first + folded(f"The other {len(rows) - _SHOWN_CLASSES} classes", others)
    foot = f"<tfoot>{foot_rows}</tfoot>" if foot_rows else ""
    return (
        f'<div class="scroll" tabindex="0"><table class="{kind}"><thead>{head_rows}</thead>'
        f"<tbody>{''.join(rows)}</tbody>{foot}</table></div>"
    )


def folded(summary: str, body: str, *, unfolded: bool = False) -> str:
    """A part that opens by a click, without any script."""
    return f"<details{' open' if unfolded else ''}><summary>{escape(summary)}</summary>{body}</details>"


def picture(image: np.ndarray, caption: str) -> str:
    """A uint8 picture with a caption: exact, but for one of more than 1.5 MB, which would make the page too large."""
    data = png_bytes(image)
    if len(data) > _LARGEST_PNG:
        return _figure("jpeg", jpeg_bytes(shrunk(image, _LARGEST_SIDE)), escape(caption), caption)
    return _figure("png", data, escape(caption), caption)


def thumbnail(image: np.ndarray, heading: str, caption: str, alt: str) -> str:
    """A uint8 picture at most 192 pixels wide and high; small ones are exact."""
    words = f"<b>{escape(heading)}</b>{escape(caption)}"
    if max(image.shape[:2]) < _PNG_BELOW:
        return _figure("png", png_bytes(image), words, alt)
    return _figure("jpeg", jpeg_bytes(shrunk(image, _THUMBNAIL)), words, alt)


def _figure(kind: str, data: bytes, words: str, alt: str) -> str:
    text = base64.b64encode(data).decode("ascii")
    return (
        f'<figure><img alt="{escape(alt)}" src="data:image/{kind};base64,{text}">'
        f"<figcaption>{words}</figcaption></figure>"
    )
