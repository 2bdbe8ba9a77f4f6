"""A browser's window with JupyterLab in it. It shows one notebook after another: loading JupyterLab takes seconds."""

from __future__ import annotations

import secrets
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Error

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LOAD_SECONDS = 120
#: So many notebooks are shown before JupyterLab is loaded anew: what it keeps of closed ones does not pile up.
MOST_NOTEBOOKS = 25
# What a user does who opens a file and closes every other tab.
OPEN = """async (path) => {
    const shell = window.jupyterapp.shell;
    const others = [...shell.widgets("main")];
    const panel = await window.jupyterapp.commands.execute("docmanager:open", { path, factory: "Notebook" });
    others.forEach((other) => other.dispose());
    await panel.context.ready;
    await panel.revealed;
}"""
# What a user does who closes a notebook and lets neither its kernel nor its changes live on.
LEAVE = """async (path) => {
    const panels = [...window.jupyterapp.shell.widgets("main")].filter((each) => each.context?.path === path);
    await Promise.all(panels.map((panel) => panel.context.sessionContext.shutdown()));
    panels.forEach((panel) => panel.dispose());
    window.localStorage.clear();
    window.sessionStorage.clear();
    return document.querySelectorAll(".jp-Dialog").length === 0;
}"""


@dataclass
class Window:
    """A window of its own context, so that it shares nothing with another."""

    browser: Browser
    address: str
    token: str
    options: dict[str, Any]
    """Playwright's for its context, beside the window's size."""
    page: Page = field(init=False)
    shown: int = 0
    """How many notebooks it has shown."""

    def __post_init__(self) -> None:
        self.page = self.browser.new_context(**self.options).new_page()
        self.page.set_default_timeout(30_000)

    def show(self, file: str, width: int, height: int) -> None:
        """Open a notebook, and nothing beside it."""
        self.page.set_viewport_size({"width": width, "height": height})
        if self.shown:
            self.page.mouse.move(0, 0)
            self.page.evaluate(OPEN, file)
        else:
            # A workspace of its own, so that no page finds another's open tabs.
            place = f"{self.address}/doc/workspaces/{secrets.token_hex(4)}/tree/{urllib.parse.quote(file)}"
            self.page.goto(f"{place}?token={self.token}")
        self.shown += 1
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=LOAD_SECONDS * 1000)

    def leave(self, file: str) -> bool:
        """Close a notebook and end its kernel; whether the window is fit for another."""
        if self.page.is_closed() or len(self.page.context.pages) > 1 or self.shown >= MOST_NOTEBOOKS:
            return False
        try:
            return bool(self.page.evaluate(LEAVE, file))
        except Error:  # the page may be what broke
            return False

    def close(self) -> None:
        """Close the window and all that was opened from it."""
        self.page.context.close()
