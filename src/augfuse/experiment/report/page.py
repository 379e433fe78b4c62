"""The report page: its sections in reading order."""

from __future__ import annotations

from importlib import resources
from string import Template

from augfuse.experiment import verdict
from augfuse.experiment.records import ARMS, AUGMENTED, PLAIN, Comparison
from augfuse.experiment.report import course_page, data_page, figures
from augfuse.experiment.report.markup import escape, folded, head, paragraph, picture, row, section, table, tile
from augfuse.experiment.tasks import task_of
from augfuse.experiment.tasks.task import Section

# Smaller pictures are shown with hard pixels, as they are.
_PIXELATED_BELOW = 65


def render(result: Comparison, config_yaml: str) -> str:
    """The whole page as one string that needs no other file and no network."""
    task = task_of(result.settings.task)
    parts: tuple[Section, ...] = (
        *task.first_sections(result),
        ("curves", "Learning curves", lambda: course_page.curves(result)),
        ("seeds", "Seeds", lambda: course_page.seeds(result)),
        ("sweep", "Strength of the augmentation", lambda: _sweep(result)),
        *task.sections(result),
        ("samples", "What the network receives", lambda: _samples(result)),
        ("values", "Input values", lambda: data_page.values(result)),
        ("balance", "Data and balance of the classes", lambda: data_page.balance(result)),
        ("time", "Time", lambda: _timing(result)),
        ("model", "The model", lambda: _model(result)),
        ("again", "Run it again", lambda: _again(result, config_yaml)),
    )
    bodies = [(name, title, body) for name, title, make in parts if (body := make())]
    links = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title, _ in bodies)
    template = Template(resources.files("augfuse.experiment.report").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(f"augfuse train: {result.settings.name}"),
        body="\n".join([_verdict(result), f"<nav>{links}</nav>", *(section(*part) for part in bodies)]),
        rendering="pixelated" if max(result.settings.size) < _PIXELATED_BELOW else "auto",
    )


def _verdict(result: Comparison) -> str:
    low, high = (f"{100 * value:+.1f}" for value in (result.interval.low, result.interval.high))
    tiles = [
        tile(PLAIN, f"{verdict.test_value(result, PLAIN):.1%}", f"test {result.metric}, plain"),
        tile(AUGMENTED, f"{verdict.test_value(result, AUGMENTED):.1%}", f"test {result.metric}, augmented"),
        tile("", f"{100 * result.interval.mean:+.1f}", f"points of difference; 95% interval {low} to {high}"),
        tile(
            "",
            f"{100 * verdict.gap(result, PLAIN):.1f} → {100 * verdict.gap(result, AUGMENTED):.1f}",
            f"points of gap between training and test {result.metric}, plain → augmented",
        ),
    ]
    remarks = "".join(paragraph(text, "finding") for text in verdict.findings(result))
    return (
        f"{paragraph(verdict.sentence(result), 'verdict')}{paragraph(verdict.gap_sentence(result))}"
        f'<div class="tiles">{"".join(tiles)}</div>{remarks}'
    )


def _sweep(result: Comparison) -> str:
    if not result.sweep:
        return ""
    rows = [
        row(
            [f"{point.strength:g}", f"{point.mean:.1%}", f"{100 * point.spread:.1f}", f"{100 * point.gap:.1f}"]
            + [f"{accuracy:.1%}" for accuracy in point.accuracies],
            heading=True,
        )
        for point in result.sweep
    ]
    heads = head(["strength", "mean", "spread", "gap", *(f"seed {seed}" for seed in result.settings.seeds)])
    note = (
        "Every random range of the recipe is scaled by the strength: 0 means no augmentation, 1 the recipe as it is. "
        "Thin lines are the single seeds, the band is one standard deviation about their mean. The spread is one "
        "standard deviation over the seeds; spread and gap in points."
    )
    return (
        f"{paragraph(verdict.sweep_sentence(result.sweep, result.metric))}"
        f'<div class="pair"><figure>{figures.sweep_metric(result.sweep, result.metric)}</figure>'
        f"<figure>{figures.sweep_gap(result.sweep)}</figure></div>"
        f"{table(heads, rows)}{paragraph(note, 'note')}"
    )


def _samples(result: Comparison) -> str:
    return (
        f'<div class="pair">{picture(result.samples, "Augmented arm: its first images, as the network gets them.")}'
        f"{picture(result.plain_samples, 'Plain arm: the same images in the same places.')}</div>"
    )


def _timing(result: Comparison) -> str:
    rows, bars = [], []
    times = {arm: result.timing(arm) for arm in ARMS}
    longest = max(sum(timing.milliseconds) for timing in times.values()) or 1.0
    for arm, timing in times.items():
        wait, compute = timing.milliseconds
        rows.append(
            row(
                [arm, f"{wait + compute:.1f} ms", f"{wait:.2f} ms", f"{compute:.1f} ms", f"{timing.wait_fraction:.1%}",
                 str(timing.steps)],
                heading=True,
            )
        )  # fmt: skip
        bars.append(
            f'<p class="soft">{arm}</p><div class="bar"><i class="wait" style="width:{100 * wait / longest:.2f}%"></i>'
            f'<i class="{arm}" style="width:{100 * compute / longest:.2f}%"></i></div>'
        )
    ratio = verdict.step_ratio(result)
    words = paragraph("" if ratio is None else f"A step with augmentation took {ratio:.2f}x the time of one without.")
    heads = head(["arm", "a step", "waiting", "computing", "waiting, share", "steps"])
    note = (
        "Waiting is the time from asking for a batch to getting it, computing the optimiser's step: all seconds over "
        "all steps. Compiling the kernels and tracing the network happen once, before the first timed step. The grey "
        "part of a bar is waiting."
    )
    return f"{words}{table(heads, rows)}{''.join(bars)}{paragraph(note, 'note')}"


def _model(result: Comparison) -> str:
    found, task = result.exported, task_of(result.settings.task)
    height, width, channels = found.input_shape
    predicts = task.predicts.format(classes=len(result.facts.classes))
    words = (
        f"model.keras is the {found.arm} arm of seed {found.seed}, the first seed, not the best one. It takes raw "
        f"uint8 images (n, {height}, {width}, {channels}) and returns {predicts}; the preprocessing is inside. "
        f"Reloaded, it scores {found.test_accuracy:.1%} on the test part, and on {found.images} test images its "
        f"predictions differ from the training path's by at most {found.max_difference:.2g}; with the rounding of "
        f"resized pixels to whole grey levels, by at most {found.rounding_difference:.2g}."
    )
    use = (
        "import keras\nmodel = keras.models.load_model('model.keras')\n"
        f"predictions = model.predict(images)   # uint8, (n, {height}, {width}, {channels})"
    )
    return f"{paragraph(_network(result))}{paragraph(words)}<pre>{escape(use)}</pre>"


def _network(result: Comparison) -> str:
    network = result.network
    if network is None:
        return ""
    title = result.settings.model or "The built-in network"
    return (
        f"{title}: {network.parameters} parameters, of which {network.trained} are trained, in {network.layers}; "
        f"computed in {network.precision}. Optimiser: {network.optimizer}. Loss: {network.loss}."
    )


def _again(result: Comparison, config_yaml: str) -> str:
    versions = "\n".join(f"{name}: {value}" for name, value in result.environment.items())
    took = (
        f"This run took {result.seconds:.0f} seconds. `augfuse report FOLDER` writes this page again from the files "
        "beside it, without training."
    )
    return (
        f'<pre class="command">{escape(result.command)}</pre>{paragraph(took, "note")}'
        + folded("recipe.yaml", f"<pre>{escape(result.recipe_yaml)}</pre>", unfolded=True)
        + folded("config.yaml, the full configuration", f"<pre>{escape(config_yaml)}</pre>")
        + folded("Versions", f"<pre>{escape(versions)}</pre>")
    )
