"""Single transforms, uint8 RGB batches of 32, mostly 224x224: augfuse beside Albumentations, augrs and torchvision.

    python benchmarks/singles.py [rotate "horizontal flip" ...] [--rounds 15] [--markdown] [--name singles]

Needs the extra: pip install 'augfuse[bench]'. What is measured and how is in README.md beside this file.
"""

from __future__ import annotations

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or it asks the network for its newest version
os.environ.pop("OPENBLAS_CORETYPE", None)  # a forced core type may slow a peer down

import cyclopts

import peers
import spellings
import timing
import versus
from versus import Demand, Result

LIBRARIES = ("numpy", "numba", "opencv-python-headless", "albumentations", "augrs-py", "torch", "torchvision")
DEMANDS = (Demand(("Albumentations",), None, None, least=0.8), Demand(("augrs",), None, None, least=0.8))
MEANS = {"Albumentations": (3.0, 3.5), "augrs": (2.0, 2.5)}  # geometric means: demanded, aim


def summary(results: list[Result]) -> list[str]:
    """Geometric means over what each peer has, the least ratio, and what misses."""
    lines = []
    groups = {"the 20": versus.SINGLES, "with new kinds": versus.SINGLES | versus.NEW}
    if not any(result.work.name in versus.NEW for result in results):
        del groups["with new kinds"]
    for title, some in groups.items():
        for peer, (must, aim) in MEANS.items():
            ratios = {r.work.name: r.over[peer].median for r in results if r.work.name in some and peer in r.over}
            if not ratios:
                continue
            mean = versus.geometric_mean(list(ratios.values()))
            lines.append(
                f"{title}, over {peer}: geometric mean of {len(ratios)}: {mean:.2f} ({must:g}, aim {aim:g}); "
                f"least {min(ratios.values()):.2f} (0.8, aim 1): {min(ratios, key=lambda name: ratios[name])}"
            )
    return lines


def main(*works: str, rounds: int = 15, name: str = "singles", markdown: bool = False) -> None:
    """Measure augfuse and its peers; print the figures and write results/NAME.json.

    Parameters
    ----------
    works
        Which transforms, by name. All that this version has by default.
    rounds
        How many times every contender is measured, in turn; 3 for a quick look, at least 7 for figures worth keeping.
    name
        Name of the result file, without its ending.
    markdown
        Also print the table as Markdown.
    """
    chosen = versus.chosen((*spellings.SINGLES, *spellings.NEW), works)
    machine = timing.machine("augfuse", *LIBRARIES)
    with timing.pinned(1) as can_pin:
        results = []
        for work in chosen:
            results.append(versus.measure(work, rounds))
            print(versus.report(results[-1], DEMANDS), flush=True)
    if markdown:
        print(versus.table(results, DEMANDS))
    means = summary(results)
    print("\n".join(means))
    path = timing.write_json(
        name,
        {
            "machine": machine,
            "rounds": rounds,
            "pinned_to_one_cpu": can_pin,
            "torchvision": peers.torchvision_v2() is not None,
            "ratios_are": "medians over the rounds of the ratio within one round",
            "works": {result.work.name: versus.as_json(result, DEMANDS) for result in results},
            "summary": means,
        },
    )
    print(f"written: {path}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
