"""The Python blocks of the README run, in order, as one session."""

from __future__ import annotations

import re

import pytest

from places import ROOT

README = ROOT / "README.md"


def test_python_blocks_run() -> None:
    pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 5
    session: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), session)


def test_the_errors_shown_are_the_real_ones() -> None:
    import augfuse as af

    text = README.read_text(encoding="utf-8")
    with pytest.raises(af.RangeError) as caught:
        af.Rotate(degrees=(0, 720))
    assert str(caught.value) in text


def test_the_explanation_shown_is_the_real_one(capsys: pytest.CaptureFixture[str]) -> None:
    text = README.read_text(encoding="utf-8")
    block = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    exec(compile(block, str(README), "exec"), {})
    assert f"# {capsys.readouterr().out.strip()}\n" in text
