"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import REPOSITORY, run

# These share what is slow to build: the wheel.
WITH_THE_WHEEL = ("tests/browser/test_wheel.py", "tests/test_packaging.py")
# A test of these takes as long as a hundred others. They come first, lest one worker is still at the last when all else is done.
LONG = ("tests/test_notebooks.py",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give the tests that share the wheel to one worker, and every other test to whoever is free.

    What the browser's tests share (a JupyterLab, a Chromium) is there once a worker. For the wheel there is
    ``--dist loadgroup``; but pytest-xdist 3.8 loses the groups with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class WheelTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "wheel" if nodeid.startswith(WITH_THE_WHEEL) else nodeid

    return WheelTogether(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real weights and photos: ``$CNNVIS_DATA``, else ``../shared/data`` beside the repository."""
    folder = Path(os.environ.get("CNNVIS_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real weights and photos in {folder}: set CNNVIS_DATA to a folder that has them")
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """Wheel of this checkout, built once."""
    folder = tmp_path_factory.mktemp("wheel")
    run("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, REPOSITORY)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Path:
    """Folder that holds what the wheel installs, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    run("-m", "pip", "install", "--no-deps", "--no-index", "--no-compile", "--target", folder, wheel)
    return folder
