"""A notebook as it is when it was saved with the state of its widgets, opened again with a kernel that knows none of them."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import nbformat
from lab import KERNEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab import Notebook
    from playwright.sync_api import Page


def saved(notebook: Notebook, name: str) -> str:
    """Save the widget of that name with its state, as if the menu had been used; the new notebook's path."""
    state = notebook.evaluate_python("__import__('ipywidgets').Widget.get_manager_state(drop_defaults=False)")
    model = notebook.evaluate_python(f"{name}.model_id")
    view = {"application/vnd.jupyter.widget-view+json": {"version_major": 2, "version_minor": 0, "model_id": model}}
    written = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    output = nbformat.v4.new_output("display_data", view)
    written.cells = [nbformat.v4.new_code_cell(name, execution_count=1, outputs=[output])]
    written.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    file = f"saved-{secrets.token_hex(4)}.ipynb"
    nbformat.write(written, notebook.server.root / file)
    path = str(notebook.server.root / file)  # what nobody trusts shows no widgets
    notebook.run_python(
        f"import nbformat.sign as s, nbformat as n\ns.NotebookNotary().sign(n.read({path!r}, as_version=4))"
    )
    return file


@contextmanager
def opened_again(notebook: Notebook, file: str) -> Iterator[Page]:
    """A page that shows it."""
    page = notebook.page.context.new_page()
    workspace = secrets.token_hex(4)
    page.goto(f"{notebook.server.url}/doc/workspaces/{workspace}/tree/{file}?token={notebook.server.token}")
    page.locator("section.cnn").wait_for(timeout=60_000)
    yield page
    page.close()
