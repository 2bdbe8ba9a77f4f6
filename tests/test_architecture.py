"""The house rules that a machine can keep."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from commands import REPOSITORY

import cnnvis_widgets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = REPOSITORY / "cnnvis_widgets"
LAYERS = ("engine", "methods", "widgets")  # each may import those before it
MODULES = sorted(PACKAGE.rglob("*.py"))
FRONT_ENDS = sorted((REPOSITORY / "js" / "src").rglob("*.ts"))
OF_NOTEBOOKS = {"IPython", "anywidget", "comm", "ipykernel", "ipywidgets", "traitlets"}


def name_of(file: Path) -> str:
    parts = file.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file: Path, source: str | None = None) -> Iterator[str]:
    """Absolute names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text() if source is None else source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = file.relative_to(REPOSITORY).parts[: -node.level]
                base = ".".join((*package, *([base] if base else [])))
            yield base
            # `from . import grad_cam` names a module too.
            yield from (f"{base}.{alias.name}" for alias in node.names if base.startswith("cnnvis_widgets"))


def breaches(file: Path, source: str | None = None) -> list[str]:
    """What a file imports against the law: engine <- methods <- widgets, none sideways between two of a kind."""
    mine = name_of(file).split(".")
    if len(mine) < 2 or mine[1] not in LAYERS:
        return []
    allowed, found = LAYERS[: LAYERS.index(mine[1]) + 1], []
    for name in imports(file, source):
        parts = name.split(".")
        if parts[0] in OF_NOTEBOOKS and mine[1] != "widgets":
            found.append(name)
        if parts[0] != "cnnvis_widgets" or len(parts) < 2 or parts[1] not in LAYERS:
            continue
        upward = parts[1] not in allowed
        sideways = (
            parts[1] == mine[1] != "engine"
            and len(mine) > 2  # the package's own list of names imports them all
            and len(parts) > 2
            and parts[2] != mine[2]
            and not parts[2].startswith("_")
            and (PACKAGE / parts[1] / f"{parts[2]}.py").exists()
        )
        if upward or sideways:
            found.append(name)
    return found


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_point_from_widgets_to_methods_to_engine_and_never_sideways(file):
    assert breaches(file) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("engine/network.py", "from ..methods.grad_cam import grad_cam"),
        ("engine/network.py", "def f():\n    from ..widgets import _base"),
        ("engine/network.py", "import IPython.display"),
        ("methods/grad_cam.py", "import cnnvis_widgets.widgets"),
        ("methods/grad_cam.py", "from . import filters"),
        ("methods/grad_cam.py", "from .filters import filters"),
        ("methods/grad_cam.py", "import ipywidgets"),
        ("widgets/layer_explorer.py", "from .grad_cam_viewer import GradCAMViewer"),
    ],
)
def test_the_import_law_sees_an_import_against_it(file, source):
    assert breaches(PACKAGE / file, source) != []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("engine/network.py", "from .layers import Layer"),
        ("methods/grad_cam.py", "from ..engine.network import Network"),
        ("widgets/layer_explorer.py", "from ..methods.filters import filters\nfrom ._base import Viewer"),
        ("widgets/__init__.py", "from .layer_explorer import LayerExplorer"),
    ],
)
def test_the_import_law_lets_pass_what_it_allows(file, source):
    assert breaches(PACKAGE / file, source) == []


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_the_package_never_prints(file):
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    assert [f"line {call.lineno}" for call in calls if getattr(call.func, "id", "") in {"print", "pprint"}] == []


def test_the_public_names_are_sorted_and_each_is_there():
    names = cnnvis_widgets.__all__
    assert list(names) == sorted(set(names))
    assert [name for name in names if getattr(cnnvis_widgets, name, None) is None] == []
    assert set(names) <= set(dir(cnnvis_widgets))


@pytest.mark.parametrize("layer", ["methods", "widgets"])
def test_every_method_and_every_widget_is_a_public_name_of_the_package(layer):
    package = importlib.import_module(f"cnnvis_widgets.{layer}")
    assert list(package.__all__) == sorted(set(package.__all__))
    assert set(package.__all__) <= set(cnnvis_widgets.__all__)
    for file in (PACKAGE / layer).glob("[!_]*.py"):
        module = importlib.import_module(f"cnnvis_widgets.{layer}.{file.stem}")
        defined = {name for name in package.__all__ if getattr(package, name).__module__ == module.__name__}
        assert defined, f"{layer}/{file.name} has no name in {layer}.__all__"


@pytest.mark.parametrize("module", [name_of(file) for file in MODULES])
def test_a_list_of_names_holds_every_public_name_that_its_module_defines(module):
    loaded = importlib.import_module(module)
    names = getattr(loaded, "__all__", None)
    if names is None or module == "cnnvis_widgets":
        return
    assert list(names) == sorted(set(names))
    defined = {
        name
        for name, value in vars(loaded).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", "") == module
    }
    assert defined <= set(names)


def test_importing_the_package_does_not_import_torch():
    code = "import sys, cnnvis_widgets; sys.exit(sorted({'torch', 'torchvision'} & set(sys.modules)) or None)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_every_widget_has_a_front_end_of_the_same_name_and_no_front_end_is_without_a_widget():
    python = {file.stem for file in (PACKAGE / "widgets").glob("[!_]*.py")}
    typescript = {file.stem for file in (REPOSITORY / "js" / "src" / "widgets").glob("*.ts")}
    assert python == typescript
    assert python


def test_the_typescript_traits_are_those_of_the_python_classes():
    script = REPOSITORY / "scripts" / "traits.py"
    ended = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("file", FRONT_ENDS, ids=lambda file: file.name)
def test_a_front_end_makes_no_markup_and_no_code_from_text(file):
    markup = r"\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|document\.write)\b"
    forbidden = markup + r"|\beval\(|new Function\("
    assert [line for line in file.read_text().splitlines() if re.search(forbidden, line)] == []


@pytest.mark.parametrize("file", FRONT_ENDS, ids=lambda file: file.name)
def test_a_front_end_names_no_address_to_load_anything_from(file):
    addresses = re.findall(r"(?:https?:)?//[\w-]+(?:\.[\w-]+)+[^\s\"'`)]*", without_comments(file.read_text()))
    assert [address for address in addresses if "//www.w3.org/" not in address] == []  # names of SVG's and XML's spaces


def without_comments(code: str) -> str:
    return re.sub(r"(?s:/\*.*?\*/)|(?m:(?:^|\s)//.*$)", "", code)


def tracked_files() -> list[Path]:
    """Every file that git has or would take."""
    command = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout, so nothing says which files belong to the project")
    return [REPOSITORY / name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def test_no_file_names_the_host_of_a_registry_or_a_path_of_one_machine():
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "registry.npm" + "js.org", "deb.deb" + "ian.org")
    host = re.compile("|".join(map(re.escape, hosts)))
    path = re.compile(r"(?<![\w.~}/-])/(?:home|Users|root|work)/[\w.]+")
    found = []
    for file in tracked_files():
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue  # a picture or weights
        names = [*host.findall(text), *path.findall(text), *([str(REPOSITORY)] if f"{REPOSITORY}/" in text else [])]
        found += [f"{file.relative_to(REPOSITORY)}: {name}" for name in names]
    assert found == []
