"""Read a saved Keras model, refuse files that are not models or would run code, and name a missing class.

Every command that takes a model file reads it here. A file can hold Python code (a `Lambda` layer of a Python lambda, a
pickled torch module, a TensorFlow graph), and Keras runs it while it loads. It is refused unless the caller trusts it.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from augfuse.errors import DataError, DataNotFoundError, MissingExtraError
from augfuse.experiment.backend import load_keras
from augfuse.frameworks import KerasModel
from augfuse.text import shown

SUFFIXES = (".keras", ".h5", ".hdf5")
# Keras before this release runs code of some model files whatever it is told. The extras ask for it too.
SAFE_KERAS = (3, 15, 1)
TRUST = "--trust-model"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_CONFIG = "config.json"
_MISSING = re.compile(
    r"(?:Could not locate (?P<kind>class|function) |Unknown (?P<old>[a-z ]+): )'(?P<name>[^'\n]{1,200})'"
)
_INNER = re.compile(r"Exception encountered: ?")
_LONGEST_LINE = 300


def is_model_file(name: str) -> bool:
    """Whether a name is that of a model file, by its suffix."""
    return name.lower().endswith(SUFFIXES)


def read_model(path: Path, *, trusted: bool, compiled: bool = True, what: str | None = None) -> Any:
    """The model in a `.keras` or `.h5` file.

    trusted: code in the file may run. compiled: with its loss and optimiser. what: the file as messages call it.

    Raises DataNotFoundError (no such file), MissingExtraError (a Keras that does not keep code from running), DataError
    (not a model file, damaged, holds code, needs a class that is not registered).
    """
    what = str(path) if what is None else what
    _check_file(path, what)
    keras = load_keras()
    if not trusted:
        _require_safe_keras(keras.__version__, what)

    def load(with_training: bool) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the optimiser's state and old formats; the model is all that counts
            return keras.models.load_model(path, compile=with_training, safe_mode=not trusted)

    try:
        return load(compiled)
    except Exception as error:  # Keras raises nearly everything here, from ValueError to KeyError and those of h5py
        raise _explained(error, what) from error


def read_network(path: Path, *, trusted: bool) -> Any:
    """`read_model`, without loss and optimiser if only those cannot be read: a function that Keras does not know."""
    try:
        return read_model(path, trusted=trusted)
    except DataError:
        return read_model(path, trusted=trusted, compiled=False)


def refuse_code(model: KerasModel, what: str) -> None:
    """Raise DataError for a model in memory whose file would hold code."""
    for layer in model._flatten_layers():
        if type(layer).__name__ == "Lambda" and any(
            isinstance(value, dict) and value.get("class_name") == "__lambda__" for value in layer.get_config().values()
        ):
            raise _holds_code(what)


def runs_code(error: BaseException) -> bool:
    """Whether Keras refused to run code: an error of its safe mode, or one caused by it."""
    return any("safe_mode=False" in str(step) for step in _chain(error))


def missing_name(error: BaseException) -> tuple[str, str] | None:
    """The kind and name of what Keras could not find, such as ("class", "Twice"); None for another failure."""
    for step in _chain(error):
        match = _MISSING.search(str(step))
        if match is not None:
            return match["kind"] or match["old"], match["name"]
    return None


def _check_file(path: Path, what: str) -> None:
    if not path.exists():
        raise DataNotFoundError(f"{what}: no such model file. model.save('model.keras') writes one.")
    if not path.is_file():
        raise DataError(f"{what}: is not a regular file, wanted a .keras or .h5 file.")
    if not is_model_file(path.name):
        raise DataError(
            f"{what}: wanted a .keras or .h5 file. Save the model with model.save('model.keras'); other formats "
            "(pickles, SavedModel folders, ONNX) are not read."
        )
    try:
        if not path.stat().st_size:
            raise DataError(f"{what}: the file is empty.")
        if path.suffix.lower() == ".keras":
            _check_archive(path, what)
        else:
            with path.open("rb") as file:
                if file.read(len(_HDF5)) != _HDF5:
                    raise DataError(f"{what}: damaged, or not a Keras model: not an HDF5 file.")
    except OSError as error:
        raise DataError(f"{what}: cannot be read ({error.strerror or error}).") from error


def _check_archive(path: Path, what: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise DataError(
            f"{what}: damaged or cut short: not a zip archive, as .keras files are. Save or copy it again."
        ) from None
    if _CONFIG not in names:
        raise DataError(
            f"{what}: not a Keras model: the archive has no {_CONFIG}. Weights alone (model.save_weights) are not "
            "enough; type model.save('model.keras')."
        )


def _require_safe_keras(version: str, what: str) -> None:
    found = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if found < SAFE_KERAS:
        wanted = ".".join(map(str, SAFE_KERAS))
        raise MissingExtraError(
            f'{what}: Keras {version} can run code from model files, {wanted} does not. Type: pip install "keras>='
            f'{wanted}", or {TRUST} where you trust the file.'
        )


def _explained(error: Exception, what: str) -> DataError:
    if runs_code(error):
        return _holds_code(what)
    missing = missing_name(error)
    if missing is not None:
        kind, name = missing
        return DataError(
            f"{what}: needs the {kind} {shown(name)}, which Keras does not know here. Decorate it with "
            "@keras.saving.register_keras_serializable(), and import it before af.train(...) or "
            "augfuse.doctor.examine(...) in Python; for augfuse train type --model FILE.py:function, a function that "
            "returns keras.models.load_model(path)."
        )
    hint = (
        " A layer class needs a get_config with all arguments of its __init__." if isinstance(error, TypeError) else ""
    )
    return DataError(f"{what}: not a model that Keras can read ({_cause(error)}).{hint}")


def _holds_code(what: str) -> DataError:
    return DataError(
        f"{what}: holds code that would run here (a Lambda layer of a Python lambda, a torch module or a TensorFlow "
        f"graph). If you trust it, type {TRUST} (in Python trust_model=True). To do without code in the file, write "
        "the function as a layer class with @keras.saving.register_keras_serializable()."
    )


def _cause(error: Exception) -> str:
    """The most useful line of an error: behind the last "Exception encountered", which Keras puts below its
    headline."""
    last = _INNER.split(str(error))[-1].strip()
    line = next((line.strip() for line in last.splitlines() if line.strip()), "")
    return line[:_LONGEST_LINE] or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and its causes."""
    step: BaseException | None = error
    for _ in range(20):
        if step is None:
            return
        yield step
        step = step.__cause__ or step.__context__
