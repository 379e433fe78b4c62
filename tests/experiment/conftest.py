"""What tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest

from stripes import save_npz, stripes


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x, y = stripes(48, 0)
    x_test, y_test = stripes(40, 1)
    path = tmp_path_factory.mktemp("data") / "stripes.npz"
    return save_npz(path, x_train=x, y_train=y, x_test=x_test, y_test=y_test)
