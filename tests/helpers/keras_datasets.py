"""What `keras.utils.image_dataset_from_directory` gives, asked of a process with the TensorFlow backend.

    python keras_datasets.py CASES.json OUT.npz

A case holds keyword arguments. Of each case, and of each data set of a pair, OUT holds the images and the labels of one
epoch, and the files with their class names as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

Answer = list[dict[str, Any]]


def ask(cases: list[dict[str, Any]], folder: Path) -> list[Answer]:
    """One answer for each case: a list of one data set, or of two for subset="both"."""
    questions, out = folder / "cases.json", folder / "answers.npz"
    questions.write_text(json.dumps(cases))
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, __file__, str(questions), str(out)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    with np.load(out) as found:
        return [
            [
                {
                    "images": found[f"{number}.{part}.images"],
                    "labels": found.get(f"{number}.{part}.labels"),
                    **json.loads(str(found[f"{number}.{part}.named"])),
                }
                for part in range(int(found[f"{number}.parts"]))
            ]
            for number in range(len(cases))
        ]


def main(questions: str, out: str) -> None:
    import keras

    answers: dict[str, Any] = {}
    for number, case in enumerate(json.loads(Path(questions).read_text())):
        made = keras.utils.image_dataset_from_directory(**case)
        parts = made if isinstance(made, list) else [made]
        answers[f"{number}.parts"] = len(parts)
        for part, dataset in enumerate(parts):
            batches: list[tuple[Any, ...]] = [
                batch if isinstance(batch, tuple) else (batch,) for batch in dataset.as_numpy_iterator()
            ]
            join = np.stack if case.get("batch_size", 32) is None else np.concatenate
            answers[f"{number}.{part}.images"] = join([batch[0] for batch in batches])
            if len(batches[0]) > 1:
                answers[f"{number}.{part}.labels"] = join([batch[1] for batch in batches])
            named = {"class_names": dataset.class_names, "file_paths": dataset.file_paths}
            answers[f"{number}.{part}.named"] = json.dumps(named)
    np.savez(out, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
