"""Where images lie: folders, archives and TFRecord files beside one another, TensorFlow, and an earlier version.

    python benchmarks/stores.py [alike tensorflow listing before] [--before path/to/other/checkout] [--rounds 7]

Needs the extra: pip install 'augfuse[bench,tensorflow]'. What is measured and how is in README.md beside this file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.pop("OPENBLAS_CORETYPE", None)  # a forced core type may slow a peer down

import cyclopts
import numpy as np

import timing
from timing import Figure

SIDE, BATCH, CLASSES = 224, 32, 4
LIBRARIES = ("numpy", "numba", "simplejpeg", "tensorflow", "keras")

# What a worker of `before` does: prints the seconds of one epoch, for each round that it is asked for.
WORKER = """
import sys, time, resource
import augfuse as af
kind, place = sys.argv[1:3]
make = {"folder": af.from_directory, "zip": af.from_zip, "idx": af.from_idx}
if kind == "arrays":
    import numpy as np
    x = np.load(place, mmap_mode=None)
    data = af.from_arrays(x, np.arange(len(x)) % 4)
else:
    data = make[kind](place)
resize = [] if kind in ("arrays", "idx") else [af.Resize(48)]  # files may have any size
recipe = af.Recipe([*resize, af.HorizontalFlip(), af.ToFloat()])
loader = af.Loader(data, recipe, batch_size=32, seed=0, workers=1)
total = 0.0
for _ in loader: pass
print("ready", flush=True)
for line in sys.stdin:
    start = time.process_time()
    for batch in loader: total += float(batch.images[0, 0, 0, 0])
    print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
"""

LISTING = """
import resource, sys, time
import augfuse as af
af.from_directory  # loaded
def used(): return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
before = used()
start = time.perf_counter()
data = af.from_directory(sys.argv[1])
seconds = time.perf_counter() - start
print(len(data), seconds, used() - before)
"""


def jpegs(folder: Path, count: int, side: int = SIDE) -> Path:
    """A folder of classes with photo-like JPEG files."""
    import cv2

    rng = np.random.default_rng(0)
    for i in range(count):
        small = rng.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
        image = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
        path = folder / f"class{i % CLASSES}" / f"{i:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return folder


def packed(folder: Path, work: Path) -> dict[str, Path]:
    """The same files in every kind of store."""
    import tarfile
    import zipfile

    found = {"folder": folder, "zip": work / "a.zip", "tar": work / "a.tar", "tfrecord": work / "a.tfrecord"}
    files = sorted(folder.rglob("*.jpg"))
    with zipfile.ZipFile(found["zip"], "w") as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
    with tarfile.open(found["tar"], "w") as archive:
        for file in files:
            archive.add(file, str(file.relative_to(folder)))
    subprocess.run(
        [sys.executable, "-m", "augfuse", "convert", str(folder), str(found["tfrecord"])],
        check=True,
        capture_output=True,
    )
    return found


def alike(work: Path, rounds: int) -> list[Figure]:
    """An epoch from each store beside the folder, one thread; the batches are compared first."""
    import augfuse as af

    stores = packed(jpegs(work / "photos", 512), work)
    recipe = af.Recipe([af.HorizontalFlip(), af.Rotate(10), af.ToFloat()])

    def loader(name: str, workers: int = 1) -> af.Loader:
        return af.Loader(af.open(stores[name]), recipe, batch_size=BATCH, seed=3, workers=workers)

    for name in stores:
        for workers in (0, 1, 2, 4):
            for one, other in zip(loader("folder", 0), loader(name, workers), strict=True):
                if not (np.array_equal(one.images, other.images) and np.array_equal(one.labels, other.labels)):
                    raise SystemExit(f"{name}: the batches differ from those of the folder")
    seconds = _rounds({name: _epoch(loader(name)) for name in stores}, rounds)
    return [
        Figure(f"JPEG {SIDE}, {name}", "folder / store", timing.ratio(seconds["folder"], seconds[name]), 0.97)
        for name in stores if name != "folder"
    ]  # fmt: skip


def tensorflow(work: Path, rounds: int) -> list[Figure]:
    """Reading batches of decoded images from a TFRecord file, and writing one, both with one thread."""
    import tensorflow as tf

    import augfuse as af
    from augfuse.data.tfrecord.writer import write_tfrecord

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    folder = jpegs(work / "photos", 512)
    path = packed(folder, work)["tfrecord"]
    data = af.from_directory(folder, color=None)  # files are written as they are
    labels, classes, paths = data.labels, data.classes, data.paths
    assert labels is not None and classes is not None and paths is not None
    sizes = [sample.image.shape for sample in data]

    def ours_writes() -> None:
        with (work / "ours.tfrecord").open("wb") as file:
            write_tfrecord(data, file, lambda done: None, packed=False, threads=1)

    def example(i: int) -> Any:
        """The features that augfuse writes. It is told the size of the image, which augfuse finds out."""
        raw, name = data.raw(i), paths[i]
        height, width, channels = sizes[i]
        feature = {
            "image/encoded": _bytes(raw),
            "image/format": _bytes(b"jpeg"),
            "image/height": _integer(height),
            "image/width": _integer(width),
            "image/channels": _integer(channels),
            "image/filename": _bytes(str(Path(name).relative_to(folder)).encode()),
            "image/class/label": _integer(int(labels[i])),
            "image/class/text": _bytes(classes[labels[i]].encode()),
        }
        return tf.train.Example(features=tf.train.Features(feature=feature))

    def _bytes(value: bytes) -> Any:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def _integer(value: int) -> Any:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    def theirs_writes() -> None:
        with tf.io.TFRecordWriter(str(work / "theirs.tfrecord")) as writer:
            for i in range(len(data)):
                writer.write(example(i).SerializeToString())

    ours_writes()
    for i, record in enumerate(tf.data.TFRecordDataset(str(work / "ours.tfrecord")).as_numpy_iterator()):
        written = tf.train.Example.FromString(record)
        written.features.feature.pop("augfuse/written", None)
        if written != example(i):
            raise SystemExit(f"record {i}: the features differ from those that TensorFlow is timed with")

    def parsed(record: Any, method: str) -> Any:
        keys = {"image/encoded": tf.io.FixedLenFeature([], tf.string),
                "image/class/label": tf.io.FixedLenFeature([], tf.int64)}  # fmt: skip
        held = tf.io.parse_single_example(record, keys)
        return tf.io.decode_jpeg(held["image/encoded"], channels=3, dct_method=method), held["image/class/label"]

    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    pipelines = {
        method: tf.data.TFRecordDataset(str(path))
        .map(partial(parsed, method=method))
        .batch(BATCH)
        .with_options(options)
        for method in ("", "INTEGER_ACCURATE")  # its own choice, which is a coarser transform; and that of augfuse
    }
    ours = af.Loader(af.from_tfrecord(path), batch_size=BATCH, training=False, workers=1, dtype="uint8")

    def theirs_reads(method: str) -> None:
        for images, _ in pipelines[method]:
            images.numpy()

    theirs = {f"TensorFlow {method}": partial(theirs_reads, method) for method in pipelines}
    reads = _rounds({"augfuse": _epoch(ours), **theirs}, rounds)
    writes = _rounds({"augfuse": ours_writes, "TensorFlow": theirs_writes}, rounds)
    return [
        Figure("TFRecord, reading", "TensorFlow / augfuse", timing.ratio(reads["TensorFlow "], reads["augfuse"]), 1.5),
        Figure(
            "TFRecord, reading, the same transform",
            "TensorFlow / augfuse",
            timing.ratio(reads["TensorFlow INTEGER_ACCURATE"], reads["augfuse"]),
            None,
        ),
        Figure("TFRecord, writing", "TensorFlow / augfuse", timing.ratio(writes["TensorFlow"], writes["augfuse"]), 1.0),
    ]


def listing(work: Path, rounds: int) -> list[Figure]:
    """Class folders of 200 000 files."""
    for k in range(20):
        folder = work / "many" / f"class{k:02}"
        folder.mkdir(parents=True)
        for i in range(10_000):
            (folder / f"{i:06}.jpg").touch()
    found = [_lines([sys.executable, "-c", LISTING, str(work / "many")]) for _ in range(max(3, rounds // 2))]
    seconds, memory = ([float(line.split()[k]) for line in found] for k in (1, 2))
    return [
        Figure("from_directory, 200 000 files", "s", timing.summarise(seconds), 1.1, at_most=True),
        Figure("from_directory, 200 000 files", "MB", timing.summarise(memory), 30, at_most=True),
    ]


def before(work: Path, rounds: int, checkout: Path) -> list[Figure]:
    """An epoch of small images from what both versions know, one thread: processor seconds and peak memory."""
    folder = jpegs(work / "small", 2000, 64)
    places = {"folder": folder, "zip": packed(folder, work)["zip"], "arrays": work / "x.npy", "idx": work / "idx"}
    rng = np.random.default_rng(0)
    np.save(places["arrays"], rng.integers(0, 256, (4000, 64, 64, 3), dtype=np.uint8))
    places["idx"].mkdir()
    for name, array in (("train-images-idx3-ubyte", rng.integers(0, 256, (8000, 28, 28), dtype=np.uint8)),
                        ("train-labels-idx1-ubyte", rng.integers(0, 10, 8000, dtype=np.uint8))):  # fmt: skip
        head = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
        (places["idx"] / name).write_bytes(head + array.tobytes())
    figures = []
    here = Path(__file__).resolve().parents[1]
    for kind, place in places.items():
        sides = [_asked(root, kind, place) for root in (checkout, here)]
        answers = [[next(side) for side in sides] for _ in range(rounds)]
        old, new = ([row[k][0] for row in answers] for k in range(2))
        memory = [row[1][1] / row[0][1] for row in answers]
        figures.append(Figure(f"loader, {kind}", "before / now, speed", timing.ratio(old, new), 0.97))
        figures.append(
            Figure(f"loader, {kind}", "now / before, peak memory", timing.summarise(memory), 1.03, at_most=True)
        )
    return figures


def _asked(root: Path, kind: str, place: Path) -> Iterator[tuple[float, float]]:
    source = str((root / "src").resolve())
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WORKER, kind, str(place)], env={**os.environ, "PYTHONPATH": source},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"{root}: the worker for {kind} ended")
        while True:
            print("go", file=process.stdin, flush=True)
            seconds, memory = map(float, process.stdout.readline().split())
            yield seconds, memory
    finally:
        process.kill()


def _lines(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]


def _epoch(loader: Any) -> Callable[[], None]:
    def run() -> None:
        for batch in loader:
            batch.images[0, 0, 0, 0]

    return run


def _rounds(jobs: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of each job, in turn; the first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for k in range(rounds + 1):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            if k:
                seconds[name].append(time.process_time() - start)
    return seconds


def main(
    *parts: str, before: Path | None = None, rounds: int = 7, name: str = "stores", markdown: bool = False
) -> None:
    """Measure; print the figures and write results/NAME.json.

    Parameters
    ----------
    parts
        alike, tensorflow, listing, before; all by default, the last one where a checkout is given.
    before
        Another checkout of augfuse.
    rounds
        How many times everything is measured, in turn.
    name
        Name of the result file, without its ending.
    markdown
        Also print the table as Markdown.
    """
    chosen = parts or ("alike", "tensorflow", "listing", *(("before",) if before else ()))
    figures: list[Figure] = []
    for part in chosen:
        with tempfile.TemporaryDirectory() as work:
            if part == "before":
                if before is None:
                    raise SystemExit("before: wanted --before path/to/other/checkout")
                figures += _PARTS[part](Path(work), rounds, before)
            else:
                figures += _PARTS[part](Path(work), rounds)
    for figure in figures:
        print(figure)
    if markdown:
        print("\n".join(figure.row for figure in figures))
    result = {"machine": timing.machine(*LIBRARIES), "figures": {f"{f.work}: {f.figure}": f.as_json for f in figures}}
    print(f"written: {timing.write_json(name, result)}")


_PARTS: dict[str, Callable[..., list[Figure]]] = {
    "alike": alike, "tensorflow": tensorflow, "listing": listing, "before": before,
}  # fmt: skip


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
