"""One JupyterLab and one Chromium for all browser tests; every test also checks that the browser had no complaint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import REPOSITORY, Lab, Server, launch
from playwright.sync_api import Error, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

HERE = Path(__file__).parent
PICTURES = REPOSITORY / "pictures" / "failed"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.failed and call.when != "teardown":
        lab = getattr(item, "funcargs", {}).get("lab")
        for number, notebook in enumerate(lab.opened if lab else ()):
            notebook.spoiled = True  # nobody knows what state it is in
            try:
                file = notebook.screenshot(PICTURES / f"{item.name}_{number}.png")
            except Error as error:  # the page may be what broke
                report.sections.append(("browser", f"no picture: {error}"))
            else:
                report.sections.append(("browser", "\n".join([f"picture: {file}", *notebook.console])))
    return report


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = launch(playwright)
        yield running
        running.close()


@pytest.fixture(scope="session")
def shared_lab(server: Server, browser: Browser) -> Lab:
    """JupyterLab with a window that one notebook after another is shown in."""
    return Lab(server, browser)


@pytest.fixture
def lab(shared_lab: Lab) -> Iterator[Lab]:
    """JupyterLab in a browser; a test that provokes errors clears ``notebook.errors`` when it has checked them."""
    yield shared_lab
    complaints = [line for notebook in shared_lab.opened for line in notebook.errors]
    requests = [line for notebook in shared_lab.opened for line in notebook.left]
    shared_lab.close()
    assert complaints == [], "the browser's console shows errors"
    assert requests == [], "the page asked for something outside this machine"
