"""The report page: sections of HTML, in reading order. Every text that is not ours goes through `html.escape`."""

from __future__ import annotations

import base64
from html import escape
from importlib import resources
from string import Template

import numpy as np

from augfuse.train import figures, verdict
from augfuse.train.images import png_bytes
from augfuse.train.record import ARMS, AUGMENTED, PLAIN, Comparison

# A larger table of classes is unreadable; its numbers are in report.json.
_MOST_CLASSES = 20
# Smaller pictures are shown with hard pixels, as they are.
_PIXELATED_BELOW = 64


def render(result: Comparison, config_yaml: str) -> str:
    """The whole page as one string that needs no other file and no network."""
    sections = [
        _verdict(result),
        _curves(result),
        _seeds(result),
        _samples(result),
        _timing(result),
        _model(result),
        _confusion(result),
        _data(result),
        _settings(result, config_yaml),
    ]
    template = Template(resources.files("augfuse.train").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(f"augfuse train: {result.settings.name}"),
        body="\n".join(section for section in sections if section),
        rendering="pixelated" if max(result.settings.size) < _PIXELATED_BELOW else "auto",
    )


def _verdict(result: Comparison) -> str:
    low, high = (f"{100 * value:+.1f}" for value in (result.interval.low, result.interval.high))
    tiles = [
        _tile(PLAIN, f"{verdict.test_accuracy(result, PLAIN):.1%}", "test accuracy, plain"),
        _tile(AUGMENTED, f"{verdict.test_accuracy(result, AUGMENTED):.1%}", "test accuracy, augmented"),
        _tile("", f"{100 * result.interval.mean:+.1f}", f"points of difference; 95% interval {low} to {high}"),
        _tile(
            "",
            f"{100 * verdict.gap(result, PLAIN):.1f} → {100 * verdict.gap(result, AUGMENTED):.1f}",
            "points of gap between training and test accuracy, plain → augmented",
        ),
    ]
    remarks = "".join(f'<p class="finding">{escape(text)}</p>' for text in verdict.findings(result))
    return (
        f'<p class="verdict">{escape(verdict.sentence(result))}</p>'
        f"<p>{escape(verdict.gap_sentence(result))}</p>"
        f'<div class="tiles">{"".join(tiles)}</div>{remarks}'
    )


def _tile(kind: str, number: str, words: str) -> str:
    return f'<div class="tile {kind}"><b>{escape(number)}</b><span>{escape(words)}</span></div>'


def _curves(result: Comparison) -> str:
    several = " Faint lines are the single seeds, strong lines their mean." if len(result.settings.seeds) > 1 else ""
    note = (
        "Solid: test part. Dashed: training part, measured again without augmentation and without dropout, so that "
        f"the two arms and the two parts can be compared.{several}{_measured_note(result)}"
    )
    return _section(
        "Curves",
        f'<div class="pair"><figure>{figures.accuracy_curves(result)}</figure>'
        f'<figure>{figures.loss_curves(result)}</figure></div><p class="note">{escape(note)}</p>',
    )


def _measured_note(result: Comparison) -> str:
    measured = sum(point.test is not None for point in result.arms[0].points)
    text = "" if measured == result.settings.epochs else f" Measured at {measured} of {result.settings.epochs} epochs."
    limit = result.settings.remeasured_images
    if result.facts.train_images > limit:
        text += f" The training accuracy is that of about {limit} of the training images, always the same ones."
    return text


def _seeds(result: Comparison) -> str:
    rows = []
    for plain, augmented in zip(result.of(PLAIN), result.of(AUGMENTED), strict=True):
        difference = augmented.test.accuracy - plain.test.accuracy
        cells = [str(plain.seed)]
        for arm in (plain, augmented):
            cells += [f"{arm.train.accuracy:.1%}", f"{arm.test.accuracy:.1%}", f"{100 * arm.gap:.1f}"]
        rows.append(_row([*cells, f"{100 * difference:+.1f}"]))
    means = ["mean"]
    for arm in ARMS:
        means += [
            f"{verdict.train_accuracy(result, arm):.1%}",
            f"{verdict.test_accuracy(result, arm):.1%}",
            f"{100 * verdict.gap(result, arm):.1f}",
        ]
    arms = "".join(f'<th colspan="3" class="over {arm}">{arm}</th>' for arm in ARMS)
    parts = "<th>training</th><th>test</th><th>gap</th>" * 2
    head = f"<tr><th></th>{arms}<th></th></tr><tr><th>seed</th>{parts}<th>difference</th></tr>"
    note = (
        "Both arms of a seed start from the same initial weights, see the same split in the same order, and take the "
        f"same number of steps. Gaps and differences in points. {verdict.interval_words(result)}."
    )
    pairs = f"<figure>{figures.seed_pairs(result)}</figure>" if len(result.settings.seeds) > 1 else ""
    return _section(
        "Seeds",
        f'<div class="wide"><div class="scroll"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody>'
        f"<tfoot>{_row([*means, f'{100 * result.interval.mean:+.1f}'])}</tfoot></table></div>"
        f'{pairs}</div><p class="note">{escape(note)}</p>',
    )


def _row(cells: list[str]) -> str:
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _samples(result: Comparison) -> str:
    return _section(
        "What the model sees",
        f'<div class="pair">{_picture(result.samples, "Augmented arm: its first images, as the network gets them.")}'
        f"{_picture(result.plain_samples, 'Plain arm: the same images in the same places.')}</div>",
    )


def _picture(grid: np.ndarray, caption: str) -> str:
    data = base64.b64encode(png_bytes(grid)).decode("ascii")
    text = escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'


def _timing(result: Comparison) -> str:
    parts = []
    for arm in ARMS:
        timing = result.timing(arm)
        wait, compute = (1000 * s / max(timing.steps, 1) for s in (timing.wait_seconds, timing.compute_seconds))
        words = (
            f"{arm}: {wait + compute:.1f} ms a step = {wait:.2f} ms waiting for data ({timing.wait_fraction:.1%}) "
            f"+ {compute:.1f} ms computing, over {timing.steps} steps"
        )
        share = 100 * timing.wait_fraction
        parts.append(
            f'<p>{escape(words)}</p><div class="bar"><i class="wait" style="width:{share:.2f}%"></i>'
            f'<i style="width:{100 - share:.2f}%"></i></div>'
        )
    note = "Compiling the kernels and tracing the network happen once, before the first timed step."
    return _section("Time", f'{"".join(parts)}<p class="note">{note}</p>')


def _model(result: Comparison) -> str:
    found = result.exported
    height, width, channels = found.input_shape
    words = (
        f"model.keras is the {found.arm} arm of seed {found.seed}, the first seed, not the luckiest. It takes raw "
        f"uint8 images (n, {height}, {width}, {channels}) and returns {len(result.facts.classes)} probabilities; the "
        f"preprocessing is inside. Read back from the disk it scores {found.test_accuracy:.1%} on the test part, and "
        f"on {found.images} test images its probabilities differ from the training path's by at most "
        f"{found.max_difference:.2g}; with the rounding of resized pixels to whole grey levels, by at most "
        f"{found.rounding_difference:.2g}."
    )
    use = (
        "import keras\nmodel = keras.models.load_model('model.keras')\n"
        f"probabilities = model.predict(images)   # uint8, (n, {height}, {width}, {channels})"
    )
    return _section("The model", f"<p>{escape(words)}</p><pre>{escape(use)}</pre>")


def _confusion(result: Comparison) -> str:
    classes, counts = result.facts.classes, result.exported.confusion
    if len(classes) > _MOST_CLASSES:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in classes)
    rows = []
    for name, row in zip(classes, counts, strict=True):
        total = max(int(row.sum()), 1)
        cells = "".join(
            f'<td style="background:rgba(var(--cell),{0.75 * value / total:.3f})">{value}</td>'
            for value in row.tolist()
        )
        rows.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return _section(
        "Which classes it takes for which",
        f'<div class="scroll"><table class="confusion"><thead><tr><th></th>{head}</tr></thead>'
        f'<tbody>{"".join(rows)}</tbody></table></div><p class="note">Test images of model.keras; rows are the true '
        "classes, columns what it said.</p>",
    )


def _data(result: Comparison) -> str:
    facts = result.facts
    counts = (
        f"{facts.train_images} training images, {facts.test_images} test images, {len(facts.classes)} classes: "
        f"{', '.join(facts.classes[:_MOST_CLASSES])}{' ...' if len(facts.classes) > _MOST_CLASSES else ''}."
    )
    return _section("Data", f"<p>{escape(facts.description)}</p><p>{escape(counts)}</p>")


def _settings(result: Comparison, config_yaml: str) -> str:
    versions = "\n".join(f"{name}: {value}" for name, value in result.environment.items())
    return _section(
        "Run it again",
        f'<pre class="command">{escape(result.command)}</pre>'
        f'<p class="note">This run took {result.seconds:.0f} seconds.</p>'
        f"<details open><summary>recipe.yaml</summary><pre>{escape(result.recipe_yaml)}</pre></details>"
        f"<details><summary>config.yaml</summary><pre>{escape(config_yaml)}</pre></details>"
        f"<details><summary>Versions</summary><pre>{escape(versions)}</pre></details>",
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"
