"""The result of an examination, as a record."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec

from augfuse.doctor.findings import Finding
from augfuse.doctor.preprocessing.trials import Trial
from augfuse.outputs import State, begins, is_empty


class Checkup(msgspec.Struct, frozen=True, kw_only=True):
    """What the doctor found.

    data: the name of the data set. parts: {name: number of images}; the name is "" for data without parts. classes:
    their names. findings: the gravest first. trials: the accuracy and loss of the model
    with each preprocessing, the present one first; empty without a model. model: its file name, "" without one.
    """

    data: str
    parts: dict[str, int]
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]
    trials: tuple[Trial, ...] = ()
    model: str = ""

    @property
    def healthy(self) -> bool:
        """Whether no error and no warning was found."""
        return all(finding.severity == "hint" for finding in self.findings)

    @property
    def quarantine(self) -> tuple[str, ...]:
        """The files to leave out, each once: unreadable ones, copies, leaks. Paths below DATA, with "/"."""
        return tuple(dict.fromkeys(name for finding in self.findings for name in finding.files))

    def to_json(self) -> str:
        """The whole record as JSON text in ASCII; other characters are escaped, a loss of NaN is null. Each finding
        also has its `page`."""
        record = msgspec.to_builtins(self)
        for found, said in zip(self.findings, record["findings"], strict=True):
            said["page"] = found.page
        for said in record["trials"]:
            said["loss"] = said["loss"] if math.isfinite(said["loss"]) else None
        # msgspec would refuse file names that are not UTF-8, and ASCII goes through any terminal.
        return json.dumps(record, indent=2, allow_nan=False)


def json_state(path: Path) -> State:
    """Whether a file holds the JSON of a `Checkup`."""
    if not begins(path, b"{"):
        return State.OURS if is_empty(path) else State.FOREIGN
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return State.FOREIGN
    return State.OURS if set(found) == set(Checkup.__struct_fields__) else State.FOREIGN
