"""Finding and loading what the training command needs: Keras 3 on a backend, scikit-learn, matplotlib."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import numpy as np

from augfuse.errors import MissingExtraError, did_you_mean
from augfuse.frameworks import KerasModel
from augfuse.text import printable

# Small CNNs on a CPU: TensorFlow takes 0.4 of the time of JAX and a quarter of that of torch. Hence this order.
BACKENDS = ("tensorflow", "jax", "torch")
# Those that Keras knows; the others compute, but do not train.
_KNOWN_BACKENDS = (*BACKENDS, "numpy", "openvino")
_JAX_FLAG = "--xla_gpu_deterministic_ops"
_NEEDED = {"keras": "keras", "sklearn": "scikit-learn", "matplotlib": "matplotlib"}


def require_extra() -> str:
    """Check that the `train` extra is installed, without importing it; return the Keras backend that will be used.

    Raises MissingExtraError naming what is missing and the line to type.
    """
    missing = [package for module, package in _NEEDED.items() if importlib.util.find_spec(module) is None]
    backend = _backend(missing)
    if missing or backend is None:
        raise MissingExtraError(
            f'augfuse train needs {", ".join(missing)}, not installed here. Type: pip install "augfuse[train]"'
        )
    if backend not in BACKENDS:
        raise MissingExtraError(
            f"augfuse train: Keras runs on the {backend} backend, which cannot train. Type: "
            f"KERAS_BACKEND={BACKENDS[0]} augfuse train ..., or {', '.join(BACKENDS[1:])}."
        )
    return backend


def _backend(missing: list[str]) -> str | None:
    """The backend that Keras is on already, that the environment names, or that is installed, in this order; without
    one it is added to `missing`. Raises MissingExtraError for one that is named and not installed."""
    if "keras" in sys.modules:
        return sys.modules["keras"].backend.backend()
    named = os.environ.get("KERAS_BACKEND")
    if named:
        if named not in _KNOWN_BACKENDS:
            raise MissingExtraError(
                f"KERAS_BACKEND={printable(named)}: Keras has no such backend, wanted one of {', '.join(BACKENDS)}."
                f"{did_you_mean(named, BACKENDS)}"
            )
        if importlib.util.find_spec(named) is None:
            raise MissingExtraError(
                f"KERAS_BACKEND={named}: {named} is not installed here. Type: unset KERAS_BACKEND, or pip install "
                f"{named}"
            )
        return named
    found = next((name for name in BACKENDS if importlib.util.find_spec(name) is not None), None)
    if found is None:
        missing.append(f"a Keras backend ({', '.join(BACKENDS[:-1])} or {BACKENDS[-1]})")
    return found


def load_keras() -> Any:
    """Import Keras on the backend that `require_extra` names; if Keras is imported already, its backend stays. Raises
    MissingExtraError if Keras or its backend is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "keras" in sys.modules:
        keras = sys.modules["keras"]
    else:
        missing = [] if importlib.util.find_spec("keras") is not None else ["keras"]
        backend = _backend(missing)
        if missing or backend is None:
            raise MissingExtraError(f'{" and ".join(missing)}: not installed here. Type: pip install "augfuse[train]"')
        os.environ.setdefault("KERAS_BACKEND", backend)
        with _native_stderr_held():
            keras = importlib.import_module("keras")
    # The loader writes NHWC; a keras.json that says otherwise would transpose the network's idea of an image.
    keras.config.set_image_data_format("channels_last")
    return keras


@contextlib.contextmanager
def repeatable(wanted: bool) -> Iterator[None]:
    """Make the backend deterministic inside the block, if it has a switch for that (see `repeats`). The switch is
    global: the block restores its former value."""
    backend = load_keras().backend.backend()
    if wanted and backend == "tensorflow" and not _op_determinism():
        importlib.import_module("tensorflow").config.experimental.enable_op_determinism()
        try:
            yield
        finally:
            _tensorflow_config().disable_op_determinism()
    elif wanted and backend == "torch":
        torch = importlib.import_module("torch")
        before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS refuses otherwise
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
    else:
        yield


def repeats() -> str:
    """ "yes" if the backend is deterministic on this machine with its present switches, else "no: " and what would
    change it."""
    keras = load_keras()
    backend = keras.backend.backend()
    if backend == "tensorflow":
        on = _op_determinism()
    elif backend == "torch":
        on = importlib.import_module("torch").are_deterministic_algorithms_enabled()
    else:
        on = importlib.import_module("jax").default_backend() == "cpu" or _JAX_FLAG in os.environ.get("XLA_FLAGS", "")
        return "yes" if on else f"no: JAX needs XLA_FLAGS={_JAX_FLAG}=true in the environment before it starts"
    return "yes" if on else "no: trained with --no-deterministic"


def _op_determinism() -> bool:
    return _tensorflow_config().is_op_determinism_enabled()


def _tensorflow_config() -> Any:
    # Keras asks here too: the public module can only switch it on.
    return importlib.import_module("tensorflow.python.framework.config")


def layers_of(model: KerasModel, inputs: Any = None) -> Any:
    """A model of the same layers with new weights, not compiled. Keras' own clone also copies the loss, and fails if
    that is a function of the user's. `inputs`: its input tensors, if given."""
    keras = load_keras()
    compiled, model.compiled = model.compiled, False
    lambdas = any(isinstance(layer, keras.layers.Lambda) for layer in model._flatten_layers())
    try:
        return keras.models.clone_model(model, input_tensors=inputs, clone_function=_again if lambdas else None)
    finally:
        model.compiled = compiled


def _again(layer: Any) -> Any:
    """A new layer with the same configuration. A Lambda of this process, or of a trusted file, may be copied: Keras
    cannot tell it from one out of any file."""
    keras = load_keras()
    if isinstance(layer, keras.Model):
        return keras.models.clone_model(layer, clone_function=_again)
    safety = {"safe_mode": False} if isinstance(layer, keras.layers.Lambda) else {}
    return type(layer).from_config(layer.get_config(), **safety)


def global_random_state() -> list[np.ndarray]:
    """The random state of dropout without a seed, if the model does not hold it (torch's generator); else []."""
    if load_keras().backend.backend() != "torch":
        return []
    return [importlib.import_module("torch").get_rng_state().numpy().copy()]


def set_global_random_state(state: list[np.ndarray]) -> None:
    """Restore the state that `global_random_state` returned."""
    if state:
        torch = importlib.import_module("torch")
        torch.set_rng_state(torch.from_numpy(state[0].copy()))


def environment() -> dict[str, str]:
    """Versions that a result depends on, and whether the same versions repeat it exactly. Keras must be loaded."""
    keras = load_keras()
    backend = keras.backend.backend()
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    # Those of this process: backends divide their sums among them.
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    found["cpus"] = str(len(allowed))
    found["backend"] = backend
    found["repeatable"] = repeats()
    for package in ("augfuse", "numpy", "numba", "opencv-python-headless", "scikit-learn", "matplotlib"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    found["keras"] = keras.__version__
    found[f"{backend} version"] = str(getattr(importlib.import_module(backend), "__version__", "unknown"))
    return found


@contextlib.contextmanager
def _native_stderr_held() -> Iterator[None]:
    """Hold back what native code prints to file descriptor 2 during an import; print it if the import fails. TensorFlow
    prints its CPU features there even if TF_CPP_MIN_LOG_LEVEL forbids it."""
    try:
        stderr = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # stderr is replaced by an object without a descriptor
        yield
        return
    sys.stderr.flush()
    kept = os.dup(stderr)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), stderr)
        try:
            yield
        except BaseException:
            os.dup2(kept, stderr)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, stderr)
            os.close(kept)
