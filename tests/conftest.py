"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import REPOSITORY, run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real weights and photos: ``$CNNVIS_DATA``, else ``../shared/data`` beside the repository."""
    folder = Path(os.environ.get("CNNVIS_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real weights and photos in {folder}: set CNNVIS_DATA to a folder that has them")
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """Wheel of this checkout, built once; what tests it runs in the group "lab", so on one worker."""
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
