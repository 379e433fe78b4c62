"""`augfuse doctor`: exit codes, what it prints and writes, and that every code has its place in the docs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import augfuse as af
from augfuse.cli import main
from augfuse.doctor import CODES, Checkup, examine
from augfuse.doctor.explanations import EXPLANATIONS
from doctor_cases import healthy, picture, save
from places import ROOT

DOCS = ROOT / "docs/doctor.md"


@pytest.fixture
def sick(tmp_path: Path) -> Path:
    root = healthy(tmp_path / "sick")
    save(root / "val/cat/leak.png", picture(5))
    (root / "train/dog/bad.png").write_bytes(b"")
    return root


def test_exit_codes(tmp_path: Path, sick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(healthy(tmp_path / "well"))]) == 0
    assert "Nothing found." in capsys.readouterr().out
    assert main(["doctor", str(sick)]) == 1
    save(tmp_path / "well/train/cat/near.jpg", picture(5), quality=60)
    assert main(["doctor", str(tmp_path / "well")]) == 0  # only a hint
    assert "AF204" in capsys.readouterr().out
    assert main(["doctor", str(tmp_path / "nosuch")]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert main(["doctor", str(sick), "--limit", "0"]) == 2
    assert main(["doctor", str(sick), "--recipe", "nosuch.yaml"]) == 2


def test_the_table(sick: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    main(["doctor", str(sick)])
    out = capsys.readouterr().out
    assert "sick: 25 train + 9 val images, 2 classes" in out
    for word in ("AF101", "AF202", "error", "train/dog/bad.png", "train/cat/5.png = val/cat/leak.png", "2 errors"):
        assert word in out
    assert max(map(len, out.splitlines())) <= 100


def test_names_cannot_play_with_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = healthy(tmp_path)
    (root / "train/cat/\x1b[31m[bold]x.png").write_bytes(b"")
    assert main(["doctor", str(root)]) == 1
    out = capsys.readouterr().out
    assert "\x1b[31m" not in out and "\\x1b[31m[bold]x.png" in out


def test_names_in_other_encodings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names that are not UTF-8 go into JSON; names that the terminal's encoding lacks go into the table."""
    root = healthy(tmp_path / "set")
    (root / "train/cat/ünïcode.png").write_bytes(b"")
    (root / "val/cat/\udcff.png").write_bytes(b"")
    names = ["train/cat/ünïcode.png", "val/cat/\udcff.png"]
    assert main(["doctor", str(root), "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["files"] == names
    options = ["--json", str(tmp_path / "ö.json"), "--quarantine", str(tmp_path / "ä.txt")]
    done = subprocess.run(
        [sys.executable, "-m", "augfuse", "doctor", str(root), *options],
        capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 1 and not done.stderr, done.stderr
    assert b"cat/\\xfcn\\xefcode.png" in done.stdout and b"\\udcff.png" in done.stdout and b"\\xf6.json" in done.stdout
    assert json.loads((tmp_path / "ö.json").read_text())["findings"][0]["files"] == names


def test_json(tmp_path: Path, sick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(sick), "--json", "-"]) == 1
    printed = capsys.readouterr().out
    found = json.loads(printed)["findings"]
    assert [finding["code"] for finding in found] == ["AF101", "AF202"]
    assert [finding["page"] for finding in found] == ["docs/doctor.md#af101", "docs/doctor.md#af202"]
    assert msgspec.json.decode(printed, type=Checkup) == examine(sick)
    assert main(["doctor", str(sick), "--json", str(tmp_path / "found.json")]) == 1
    assert (tmp_path / "found.json").read_text() == printed
    assert main(["doctor", str(sick), "--json", str(tmp_path / "no/folder.json")]) == 2


def test_a_quarantine_list_that_sources_take(tmp_path: Path, sick: Path) -> None:
    for name in ("#hash.png", " space.png", 'quote".png', '"quoted".png', "line\nbreak.png", "ünïcode.png"):
        (sick / "train/cat" / name).write_bytes(b"")
    path = tmp_path / "leave_out.txt"
    assert main(["doctor", str(sick), "--quarantine", str(path)]) == 1
    text = path.read_text(encoding="utf-8")
    assert "# AF202 leak: the same image in two parts\ntrain/cat/5.png\n" in text
    source = af.from_directory(sick, exclude=path)
    assert len(source) == 23 and len(source.parts["val"]) == 9
    assert examine(sick).quarantine and all(sample.image.shape == (60, 80, 3) for sample in (source[0], source[-1]))


def test_explain_needs_no_data_and_no_repository(
    sick: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    main(["doctor", str(sick)])
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == "2 errors. What a code means: augfuse doctor --explain AF101"
    assert main(line[line.index("doctor") :].split()) == 0
    meaning, cure = EXPLANATIONS["AF101"]
    assert capsys.readouterr().out == f"AF101 error: unreadable files\n\n{meaning}\n\nWhat to do: {cure}\n"
    assert main(["doctor", "--explain", "af609"]) == 0
    assert "classes in another order" in capsys.readouterr().out
    assert main(["doctor", "--explain", "AF2O2"]) == 2
    assert "Did you mean 'AF2" in capsys.readouterr().err
    assert main(["doctor"]) == 2
    assert "wanted a folder or a file" in capsys.readouterr().err


def test_quarantine_is_for_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.npz").write_bytes(b"")
    assert main(["doctor", str(tmp_path / "d.npz"), "--quarantine", str(tmp_path / "q.txt")]) == 2
    assert "--quarantine lists files" in capsys.readouterr().err
    idx = tmp_path / "idx"
    idx.mkdir()
    (idx / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3, *(0, 0, 0, 2) * 3, *range(8)]))
    (idx / "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 0, 1]))
    assert main(["doctor", str(idx), "--quarantine", str(tmp_path / "q.txt")]) == 2
    assert "--quarantine lists files" in capsys.readouterr().err and not (tmp_path / "q.txt").exists()


def test_an_interrupt_while_it_starts_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "cyclopts.py").write_text("raise KeyboardInterrupt")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "augfuse", "--help"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert (done.returncode, done.stderr) == (130, "augfuse: interrupted.\n")


def test_without_keras_a_model_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"")
    code = (
        "import sys; sys.modules['keras'] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'keras' else find(name, *a)\n"
        "from augfuse.cli import main\n"
        f"sys.exit(main(['doctor', {str(healthy(tmp_path / 'set'))!r}, '--model', {str(tmp_path / 'm.keras')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and 'pip install "augfuse[train]"' in done.stderr, done.stderr


def test_help_is_quick_and_data_alone_needs_no_framework(tmp_path: Path) -> None:
    code = (
        "import sys; from augfuse.cli import main; main(['doctor', '--help'])\n"
        "heavy = {'keras', 'tensorflow', 'torch', 'jax', 'matplotlib', 'sklearn', 'cv2'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        f"assert main(['doctor', {str(healthy(tmp_path))!r}]) == 0\n"
        "assert not (heavy - {'cv2'}) & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for word in ("--recipe", "--model", "--limit", "--json", "--quarantine"):
        assert word in done.stdout


def test_every_code_has_a_section_and_a_test() -> None:
    text = DOCS.read_text(encoding="utf-8")
    headings = re.findall(r"^### (AF\d{3})$", text, re.MULTILINE)
    assert headings == sorted(CODES)
    sections = dict(re.findall(r"^### (AF\d{3})\n\n(.*?)(?=\n#|\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(EXPLANATIONS) == list(CODES)
    for code, entry in CODES.items():
        title = f"**{entry.title[0].upper()}{entry.title[1:]}.** ({entry.severity})"
        meaning, cure = EXPLANATIONS[code]
        first, second = sections[code].strip().split("\n\n")
        assert " ".join(first.split()) == f"{title} {meaning}" and " ".join(second.split()) == cure, code
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert not {code for code in CODES if code not in tests}
