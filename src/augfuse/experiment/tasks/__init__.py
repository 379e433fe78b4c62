"""What networks are trained for: classes of images, classes of pixels, boxes."""

from __future__ import annotations

from augfuse.errors import RangeError, did_you_mean
from augfuse.experiment.tasks.classification import CLASSIFICATION
from augfuse.experiment.tasks.detection import DETECTION
from augfuse.experiment.tasks.segmentation import SEGMENTATION
from augfuse.experiment.tasks.task import Sets, Task
from augfuse.text import shown

TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFICATION, SEGMENTATION, DETECTION)}


def task_of(name: str) -> Task:
    """The task of this name, which does not know its data. Raises RangeError."""
    if name not in TASKS:
        raise RangeError(f"--task: got {shown(name)}, wanted one of {', '.join(TASKS)}.{did_you_mean(name, TASKS)}")
    return TASKS[name]


def task_for(sets: Sets) -> Task:
    """The task that data suggests: classes of images where they have such, else classes of pixels where there are
    masks, else boxes. Data without any of them is refused as one without classes."""
    held = [data.table.targets for data in sets.values()]
    if any(data.labels is not None for data in sets.values()):
        return CLASSIFICATION
    if held and all("mask" in targets for targets in held):
        return SEGMENTATION
    return DETECTION if held and all("boxes" in targets for targets in held) else CLASSIFICATION
