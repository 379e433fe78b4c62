"""How a file or folder gets to its place: written beside it under a hidden name, then moved there in one step.

Nobody ever sees half of it, whenever the process is stopped. What is unfinished is called `.augfuse.NAME.TOKEN.partial`
and locked by the process that writes it: one that nobody holds was left by a process that was killed.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, final

from augfuse.errors import AugfuseError, DataError

# How everything unfinished is called: none of the user's own files begin so.
PREFIX = ".augfuse."
_PARTIAL, _OLD = ".partial", ".old"
_TOKEN = re.compile(r"[0-9a-f]{8}")
_LONGEST_NAME = 200  # bytes of the name that are kept; file systems take 255
_RENAME_EXCHANGE, _AT_FDCWD = 2, -100
# Errors of the disk, which Python raises without the name of the file where they come from a write.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM}


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file in one step."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step; to a pipe or a device, as /dev/stdout is one, directly."""
    if is_stream(path):
        with naming(path), path.open("wb") as out:
            out.write(data)
        return
    with replacing(path) as new:
        new.write_bytes(data)


def is_stream(path: Path) -> bool:
    """Whether a path is something to write into rather than to replace: a pipe or a character device."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


@contextmanager
def replacing(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """An empty file, or an empty `folder`, to write to; it becomes `target` when the block ends well, and is gone
    otherwise. What was at `target` goes when the new one is in its place; a link at `target` stays one.

    Missing folders above `target` are made, and removed again where nothing comes of it.
    """
    unfinished = _Unfinished(Path(os.path.realpath(target)), folder)
    with _pending(unfinished), naming(target, unfinished.path):
        unfinished.make()
        yield unfinished.path
        unfinished.finish()


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """A folder for files in between, in `parent` or where the system keeps such folders; gone after the block."""
    place = Path(tempfile.gettempdir()) if parent is None else parent
    unfinished = _Unfinished(place / "scratch", folder=True, mode=0o700)
    with _pending(unfinished):
        unfinished.make()
        yield unfinished.path


@contextmanager
def naming(target: Path, *aliases: Path) -> Iterator[None]:
    """Errors of the disk within the block name `target`, where they name nothing or a path below one of `aliases`."""
    try:
        yield
    except AugfuseError:
        raise
    except OSError as error:
        named = "" if error.filename is None else os.fsdecode(error.filename)
        if error.errno in _DISK and (not named or any(named.startswith(str(alias)) for alias in aliases)):
            raise OSError(error.errno, error.strerror or os.strerror(error.errno), str(target)) from error
        raise


def put(new: Path, target: Path, old: Path) -> None:
    """Move a finished file or folder to its place, on the same disk. Of folders that change places in one step, the
    one that was at `target` is at `new` then; where the system cannot do that, at `old`."""
    if not new.is_dir():
        with suppress(OSError):
            shutil.copymode(target, new)
        new.replace(target)
    elif not os.path.lexists(target):
        new.rename(target)
    elif not _exchange(new, target):
        target.rename(old)
        new.rename(target)


def sweep() -> None:
    """Remove what this process has not finished: for one that is about to end without unwinding."""
    for unfinished in list(_PENDING.values()):
        unfinished.discard()


def tidy(target: Path) -> list[str]:
    """Clear away what killed processes left beside `target`; returns a sentence for each such thing.

    Where one was killed between the two steps that replace a folder, the step that is missing is made. What may be in
    use, or cannot be locked here, is left.
    """
    target = Path(os.path.realpath(target))
    said = []
    for path in _left_beside(target, _OLD):
        said += _repair(path, target)
    for path in _left_beside(target, _PARTIAL):
        found = _take(path)
        if found is None:
            said.append(f"{path}: looks like what a killed run left. Remove it if nothing writes {target.name} now.")
        elif found is not False:
            _remove(path)
            os.close(found)
            said.append(f"{path}: a run that was killed left it; it is removed.")
    return said


def remove_unfinished(folder: Path) -> None:
    """Remove everything unfinished in a folder whose lock the caller holds, and nothing else: it may hold files of the
    user's."""
    for path in folder.glob(f"{PREFIX}*"):
        _remove(path)


def is_unfinished(path: Path) -> bool:
    """Whether a path has a name that only something unfinished has."""
    return path.name.startswith(PREFIX)


@contextmanager
def locked(path: Path, refusal: str) -> Iterator[None]:
    """Hold the lock of the file `path`, which ends with the process, however that ends. DataError with `refusal` where
    another one holds it. Without such locks (Windows, some network file systems) there is none."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666) if os.name != "nt" else None
    try:
        if handle is not None and _lock(handle) is False:
            raise DataError(refusal)
        yield
    finally:
        if handle is not None:
            os.close(handle)


@final
class _Unfinished:
    """A path beside `target`, from before it is made until it has become the target or is gone."""

    def __init__(self, target: Path, folder: bool, mode: int = 0o777) -> None:
        self.target = target
        self._folder = folder
        self._mode = mode
        self._handle: int | None = None
        self._above: list[Path] = []
        self._name()

    def _name(self) -> None:
        name = f"{_prefix(self.target)}{secrets.token_hex(4)}"
        self.path, self._old = (self.target.with_name(name + end) for end in (_PARTIAL, _OLD))

    def make(self) -> None:
        for parent in self.target.parents:
            if parent.exists():
                break
            self._above.append(parent)
        self.target.parent.mkdir(parents=True, exist_ok=True)
        while not self._made():
            self._name()

    def _made(self) -> bool:
        """Whether the path is there and locked; not where `tidy` of another process was quicker."""
        if self._folder:
            self.path.mkdir(self._mode)
            if os.name == "nt":
                return True
            self._handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
            self._handle = os.open(self.path, flags, 0o666)
        if os.name == "nt":  # an open file cannot be moved
            self._close()
            return True
        held = _lock(self._handle)
        try:
            if held is not False and os.path.samestat(self.path.stat(), os.fstat(self._handle)):
                return True
        except FileNotFoundError:
            pass
        self._close()
        return False

    def finish(self) -> None:
        put(self.path, self.target, self._old)

    def discard(self) -> None:
        """Remove what is not the target; called after `finish` too, and by two threads at once where one is stuck."""
        if os.path.lexists(self._old):
            if os.path.lexists(self.target):
                _remove(self._old)
            else:  # stopped between the two renames
                with suppress(OSError):
                    self._old.rename(self.target)
        _remove(self.path)
        self._close()
        if not os.path.lexists(self.target):
            for parent in self._above:
                with suppress(OSError):
                    parent.rmdir()

    def _close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            with suppress(OSError):
                os.close(handle)


_PENDING: dict[int, _Unfinished] = {}


@contextmanager
def _pending(unfinished: _Unfinished) -> Iterator[None]:
    """Where the block ends, what it has not finished is gone; until then `sweep` knows of it."""
    _PENDING[id(unfinished)] = unfinished
    try:
        yield
    finally:
        unfinished.discard()
        _PENDING.pop(id(unfinished), None)


def _prefix(target: Path) -> str:
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = blake2b(os.fsencode(name), digest_size=8).hexdigest()
    return f"{PREFIX}{name}."


def _left_beside(target: Path, end: str) -> list[Path]:
    prefix = _prefix(target)
    try:
        names = [path.name for path in target.parent.iterdir()]
    except OSError:
        return []
    found = [name for name in names if name.startswith(prefix) and name.endswith(end)]
    return [target.with_name(name) for name in sorted(found) if _TOKEN.fullmatch(name[len(prefix) : -len(end)])]


def _repair(old: Path, target: Path) -> list[str]:
    """A process was killed while it replaced `target`: it had written the new one whole, and moved the old one away."""
    new = old.with_name(old.name.removesuffix(_OLD) + _PARTIAL)
    handle = _take(new if new.exists() else old)
    if handle is False or handle is None:
        return [f"{old}: {target} as it was before a run replaced it, or is replacing it."]
    try:
        if os.path.lexists(target):
            _remove(old)
            return []
        if new.exists():
            new.rename(target)
            _remove(old)
            return [f"{target}: a run was killed while it replaced it; what it had written is in place now."]
        old.rename(target)
        return [f"{target}: a run was killed while it replaced it; it is back as it was before."]
    finally:
        os.close(handle)


def _take(path: Path) -> int | bool | None:
    """The handle of a path whose lock nobody holds; False where somebody does, None where that cannot be told."""
    if os.name == "nt":
        return None
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    held = _lock(handle)
    if held:
        return handle
    os.close(handle)
    return held


def _lock(handle: int) -> bool | None:
    """Lock an open file or folder; False where somebody holds it, None where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where the system or the file system cannot."""
    try:
        import ctypes

        rename: Any = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError, TypeError):
        return False
    done = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def _remove(path: Path) -> None:
    """Remove a file or a folder. Threads that still write into it are given a moment."""
    for _ in range(100):
        try:
            if not path.is_dir() or path.is_symlink():
                path.unlink(missing_ok=True)
                return
            shutil.rmtree(path, ignore_errors=True)
        except OSError:
            return
        if not os.path.lexists(path):
            return
        time.sleep(0.01)
