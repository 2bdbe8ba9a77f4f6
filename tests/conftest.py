"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import REPOSITORY, run

# These share what is slow to start or to build: a JupyterLab, a Chromium, the wheel.
ONE_WORKER = ("tests/browser/", "tests/test_packaging.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give all of ``ONE_WORKER`` to one worker, and every other test to whoever is free.

    That is what ``--dist loadgroup`` is for; pytest-xdist 3.8 loses the groups with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneWorkerForTheLab(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "lab" if nodeid.startswith(ONE_WORKER) else nodeid

    return OneWorkerForTheLab(config, log)


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
