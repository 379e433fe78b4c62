"""Rules about the source itself: which file may import which, how long a file may be, what must be documented."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import augfuse as af
from augfuse.transforms.base import specs

PACKAGE = Path(af.__file__).parent
FILES = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
# Imports go down this list only; modules of one package may import each other.
LAYERS = (
    "startup", "text", "errors", "frameworks", "warn_once", "threads", "files", "outputs",  # services for everyone
    "kernel_cache", "jit", "simd", "algebra", "statistics",  # compiled code, mathematics
    "transforms", "plan", "execute", "targets",  # the engine
    "display", "batch", "recipe_call", "recipe", "device", "inference", "functional",  # one call
    "data", "keras", "adapters", "torch", "grain", "jax", "serving",  # batches, frameworks
    "experiment", "doctor", "commands", "cli", "__main__",  # commands
)  # fmt: skip
FRAMEWORKS = {"keras", "torch", "tensorflow", "jax", "grain"}
HEAVY = {
    "numba", "cv2", "PIL", "simplejpeg", "matplotlib", "sklearn", "scipy", "pandas", "polars", "pyarrow", "datasets",
    *FRAMEWORKS,
}  # fmt: skip


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Everything in a file."""
    return tuple(ast.walk(ast.parse(FILES[path])))


def imports(path: Path) -> list[str]:
    """Every module that a file imports anywhere, but for type checkers: "augfuse.plan.fuse", "numpy"."""
    checks = [n for n in nodes(path) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    skipped = {id(node) for check in checks for part in check.body for node in ast.walk(part)}
    found: list[str] = []
    for node in nodes(path):
        if isinstance(node, ast.Import) and id(node) not in skipped:
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and id(node) not in skipped:
            found += [f"augfuse.{alias.name}" for alias in node.names] if node.module == "augfuse" else [node.module]
    return found


def test_imports_go_down_only() -> None:
    for path in FILES:
        if path == PACKAGE / "__init__.py":
            continue
        own = LAYERS.index(layer(path))
        for module in imports(path):
            name = module.split(".")[1] if module.startswith("augfuse.") else None
            if name in LAYERS:
                assert LAYERS.index(name) <= own, f"{path} imports {module}"
            if module.split(".")[0] in FRAMEWORKS:
                table = path.parent.parent == PACKAGE / "execute" / "arrays"  # of operations: a file for each framework
                may = table or layer(path) in {"keras", "adapters", "serving", "experiment"}
                assert may, f"{path} names a framework: {module}"


def modules() -> dict[str, Path]:
    """Every module by its name."""
    return {".".join(("augfuse", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in FILES}


def test_no_module_is_in_a_circle() -> None:
    """Imports for type checkers and inside functions count too: a reader has to follow them as well."""
    found = modules()
    imported: dict[str, set[str]] = {}
    for name, path in found.items():
        own = imported.setdefault(name, set())
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and node.module:
                own |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
            elif isinstance(node, ast.Import):
                own |= {alias.name for alias in node.names}
        own &= set(found) - {name}
    while leaves := [name for name, own in imported.items() if not own]:
        imported = {name: own - set(leaves) for name, own in imported.items() if name not in leaves}
    assert not imported, f"in circles, or above one: {sorted(imported)}"


def test_no_folder_is_full() -> None:
    for folder in {path.parent for path in FILES}:
        assert len(list(folder.glob("*.py"))) <= 20, folder


def test_files_are_short_and_explain_themselves() -> None:
    for path, text in FILES.items():
        assert text.count("\n") <= 400, path
        assert ast.get_docstring(ast.parse(text)), f"{path}: a file says what it is for"
        assert "super(" not in text, path


def test_values_are_quoted_in_one_place() -> None:
    for path in FILES:
        for node in nodes(path):
            if isinstance(node, ast.Raise) or (
                isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"
            ):
                quoted = [n for n in ast.walk(node) if isinstance(n, ast.FormattedValue) and n.conversion == ord("r")]
                assert not quoted or path.name == "__init__.py", f"{path}:{node.lineno}: use augfuse.text.shown"


def test_compiled_helpers_are_inlined() -> None:
    """A compiled function that calls another one has a second copy of it, and the two may round differently."""
    for path in FILES:
        marks = {
            node: {ast.unparse(d).split(".")[-1].split("(")[0] for d in node.decorator_list}
            for node in nodes(path)
            if isinstance(node, ast.FunctionDef)
        }
        if path.name not in ("jit.py", "kernel_cache.py"):
            other = {"njit", "vectorize", "guvectorize", "cfunc"} & set().union(*marks.values())
            assert not other, f"{path}: use augfuse.jit"
        entries = {node.name for node, names in marks.items() if names & {"jit", "jit_exact"}}
        helpers = {node.name for node, names in marks.items() if names & {"inlined", "inlined_exact"}}
        for node in marks:
            if node.name in entries | helpers:
                called = {ast.unparse(n.func).split(".")[-1] for n in ast.walk(node) if isinstance(n, ast.Call)}
                assert not called & entries, f"{path}: {node.name} calls {called & entries}: mark it @inlined"


def test_import_is_light() -> None:
    code = f"import sys, augfuse as af; af.Recipe([af.Rotate()]).to_yaml(); print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def public() -> dict[str, object]:
    found: dict[str, object] = {}
    for name in dir(af):
        value = getattr(af, name)
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("augfuse"):
            found[name] = value
            if inspect.isclass(value):
                own = (n for n in vars(value) if not n.startswith("_") and callable(getattr(value, n)))
                found |= {f"{name}.{n}": getattr(value, n) for n in own}
    return found


def test_public_names_are_documented() -> None:
    silent = [name for name, value in public().items() if not inspect.getdoc(value)]
    assert not silent


@pytest.mark.parametrize("cls", af.list_transforms(), ids=lambda c: c.__name__)
def test_fields_of_transforms_say_what_they_are(cls: type[af.Transform]) -> None:
    assert "__final__" in vars(cls), "a transform is @final"
    assert cls.__doc__ and cls.__doc__.strip().endswith((".", ")"))
    assert set(specs(cls)) == set(cls.__struct_fields__)
    for name, spec in specs(cls).items():
        assert spec.doc and isinstance(spec.unit, str), name
    assert cls.evaluation in ("random", "deterministic", "counterpart")
