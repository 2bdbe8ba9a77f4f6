"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import REPOSITORY, run

# These share what is slow to build: the wheel.
WITH_THE_WHEEL = ("tests/browser/test_wheel.py", "tests/test_packaging.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give the tests of one browser file to one worker, and every other test to whoever is free.

    A JupyterLab and a Chromium are started once a worker; a file of the browser's tests is a minute or two. That is what
    ``--dist loadgroup`` is for; pytest-xdist 3.8 loses the groups with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class BrowserFilesTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(WITH_THE_WHEEL):
                return "wheel"
            return nodeid.split("::", maxsplit=1)[0] if nodeid.startswith("tests/browser/") else nodeid

    return BrowserFilesTogether(config, log)


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
