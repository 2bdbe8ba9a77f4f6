"""Running commands, for tests of what is built and installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os

REPOSITORY = Path(__file__).resolve().parents[1]


def run(*arguments: str | os.PathLike[str], **options: Any) -> str:
    """Run this Python with arguments and return its output; a failure shows what it said."""
    ended = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, **options)
    said = f"{ended.stdout[-3000:]}{ended.stderr[-3000:]}"
    assert ended.returncode == 0, f"{arguments} ended with {ended.returncode}:\n{said}"
    return ended.stdout
