"""A real JupyterLab, driven by a real Chromium: for the browser tests and for ``see.py``.

``Server`` is a Jupyter server in a temporary folder. ``Lab`` opens notebooks of that server in a browser.
``Notebook`` is one open notebook: its page, its outputs, its kernel, and what the browser complained about.
"""

from __future__ import annotations

import ast
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import nbformat
import warm_kernels
import zmq
from jupyter_client.session import Session
from window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Playwright, Request

Theme = Literal["light", "dark"]
Cells: TypeAlias = "Iterable[str] | nbformat.NotebookNode"

REPOSITORY = Path(__file__).resolve().parents[2]
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # Whatever a page asks for outside this machine fails at once instead of reaching the network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    # Every cell is in the page, also those out of sight, so that a picture shows all of them.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "docmanager-extension/plugin": {"autosave": False},
}
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
# Where the cells stand in the window.
ALL_CELLS = """() => {
    const notebook = document.querySelector(".jp-Notebook").getBoundingClientRect();
    const cells = [...document.querySelectorAll(".jp-Notebook .jp-Cell")];
    const bottoms = cells.map((cell) => cell.getBoundingClientRect().bottom);
    return { x: notebook.x, y: notebook.y, width: notebook.width, height: Math.max(...bottoms) - notebook.y + 10 };
}"""
# Resolves when nothing has changed for so many milliseconds, pictures are decoded and transitions are over.
STILL = """(quiet) => new Promise((done) => {
    const notebook = document.querySelector(".jp-Notebook") ?? document.body;
    let timer = setTimeout(look, quiet);
    const limit = setTimeout(finish, 5000);  // an animation never ends
    const again = () => { clearTimeout(timer); timer = setTimeout(look, quiet); };
    const observer = new MutationObserver(again);
    const seen = { subtree: true, childList: true, attributes: true, characterData: true };
    observer.observe(notebook, seen);
    function look() { if (moving()) timer = setTimeout(look, 20); else finish(); }
    function moving() {
        const animations = document.getAnimations().filter((each) => notebook.contains(each.effect?.target));
        return animations.some((each) => each.playState === "running" && each.effect.getComputedTiming().endTime < 1e5)
            || [...notebook.querySelectorAll("img")].some((each) => !each.complete);
    }
    function finish() {
        clearTimeout(timer); clearTimeout(limit); observer.disconnect();
        // What is drawn once a frame is drawn by the second.
        requestAnimationFrame(() => requestAnimationFrame(() => done()));
    }
})"""
# How many widgets of a kernel are at work. One that says it is ready may still be drawing the picture that stays in the notebook.
BUSY = (
    "sum(getattr(w, 'status', '') == 'busy' or any(getattr(vars(w).get(name), 'busy', False) for name in "
    "('_task', '_stills')) for w in list(__import__('sys').modules['ipywidgets'].widgets.widget._instances.values()))"
    " if 'ipywidgets' in __import__('sys').modules else 0"
)
# JupyterLab's side of the session of the notebook at ``path``.
SESSION = '[...window.jupyterapp.shell.widgets("main")].find((each) => each.context?.path === path)?.sessionContext'
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
FORGOTTEN_SECONDS = 1800
SERVER_SECONDS = 120
KERNEL_SECONDS = 120
RUN_SECONDS = 240
ROOM_ABOVE_AND_BELOW = 160  # pixels: menu, toolbar and status bar of a notebook


def chromium() -> str | None:
    """Path of the Chromium to drive; None leaves the choice to Playwright (its own download)."""
    named = os.environ.get("CNNVIS_CHROMIUM")
    if named:
        return named
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), None)


def launch(playwright: Playwright, *flags: str) -> Browser:
    """Start Chromium, headless, with no GPU and no way out of this machine."""
    return playwright.chromium.launch(executable_path=chromium(), args=[*BROWSER_FLAGS, *flags])


class Server:
    """A Jupyter server of its own: its settings, run files and notebooks live in one temporary folder."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="cnnvis-lab-", ignore_cleanup_errors=True)
        home = Path(self._home.name)
        self.root = home / "root"
        self.runtime = home / "runtime"
        self.token = secrets.token_hex(16)
        self.log = home / "server.log"
        for folder in (self.root, self.runtime):
            folder.mkdir()
        for name, values in SETTINGS.items():
            file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        self._environment = os.environ | {
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "IPYTHONDIR": str(home / "ipython"),
            # The package under test is this checkout, unless something else is asked for.
            "PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH")))),
            # Debuggers of frozen modules warn on every kernel start; nobody debugs here.
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        self._environment |= environment or {}
        self._stove = self._heat(home) if warm_kernels.available() else None
        self._start()

    def _heat(self, home: Path) -> subprocess.Popen[bytes]:
        """Start the process that kernels are forked from, and tell the server to ask it for them."""
        address, script = str(home / "stove"), warm_kernels.__file__
        # -P: a kernel does not find the modules that lie beside the script. -I and -S: what stands for a kernel starts in no time.
        argv = [sys.executable, "-I", "-S", script, "kernel", address, "{connection_file}"]
        folder = home / "warm" / "kernels" / "python3"
        folder.mkdir(parents=True)
        about = {"argv": argv, "display_name": KERNEL["display_name"], "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(about))
        paths = (str(home / "warm"), self._environment.get("JUPYTER_PATH"))
        self._environment["JUPYTER_PATH"] = os.pathsep.join(filter(None, paths))
        with (home / "stove.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-P", script, "stove", address],
                env=self._environment,
                cwd=self.root,
                stdin=subprocess.PIPE,  # it ends when this process does
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this process
            )

    def _start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        options = (
            "--no-browser",
            "--allow-root",
            "--expose-app-in-browser",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.root}",
            # Where the tests were killed and nobody stops it, it stops itself.
            f"--MappingKernelManager.cull_idle_timeout={FORGOTTEN_SECONDS}",
            f"--ServerApp.shutdown_no_activity_timeout={FORGOTTEN_SECONDS}",
            # Lab's extension manager asks a package index for news.
            "--LabApp.extension_manager=readonly",
        )
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                env=self._environment,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + SERVER_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(keep_log=True)
                message = f"JupyterLab did not start within {SERVER_SECONDS} s:\n{self._last_words}"
                raise RuntimeError(message)
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            self.api("GET", "status")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Ask the server's REST interface; the decoded answer, None when it is empty."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def stop(self, *, keep_log: bool = False) -> None:
        """Stop the server and its kernels, and remove its folder."""
        self._process.terminate()  # SIGTERM: the server shuts its kernels down first
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._stove is not None:
            self._stove.terminate()
            self._stove.wait()
            self._stove.stdin.close()
        if keep_log:
            self._last_words = self.log.read_text(errors="replace")[-3000:]
        self._home.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


class Channel:
    """The shell channel of a running kernel, for one question at a time.

    jupyter_client's own clients need an event loop, and Playwright's occupies this thread.
    """

    def __init__(self, connection_file: Path) -> None:
        kernel = json.loads(connection_file.read_text())
        self._session = Session(key=kernel["key"].encode(), signature_scheme=kernel["signature_scheme"])
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.connect(f"{kernel['transport']}://{kernel['ip']}:{kernel['shell_port']}")

    def ask(self, kind: str, content: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send a request and wait for its reply; the reply's content."""
        request = self._session.send(self._socket, kind, content)["header"]["msg_id"]
        deadline = time.monotonic() + timeout
        while self._socket.poll(max(0, int(1000 * (deadline - time.monotonic())))):
            _, reply = self._session.recv(self._socket)
            if reply["parent_header"].get("msg_id") == request:
                answer: dict[str, Any] = reply["content"]
                return answer
        message = f"the kernel did not answer within {timeout} s"
        raise TimeoutError(message)

    def close(self) -> None:
        """Let go of the kernel."""
        self._context.destroy()


def still(page: Page, quiet: float = 0.15) -> None:
    """Wait until what a page shows has not changed for ``quiet`` seconds of the page's own time, pictures are decoded and drawn."""
    page.evaluate(STILL, quiet * 1000)


@dataclass
class Notebook:
    """An open notebook whose cells have run."""

    server: Server
    window: Window
    name: str
    errors: list[str] = field(default_factory=list)
    """What the browser complained about: errors in the console and uncaught exceptions."""
    console: list[str] = field(default_factory=list)
    """Every line of the browser's console."""
    left: list[str] = field(default_factory=list)
    """Requests for anything that is not on 127.0.0.1."""
    spoiled: bool = False
    """Whether the next notebook needs a new window: something went wrong here, maybe on purpose."""

    def __post_init__(self) -> None:
        self._channel: Channel | None = None
        self._listeners = {
            "console": self._note_console,
            "pageerror": lambda error: self._complain(f"uncaught: {error.stack or error.message}"),
            "request": self._note_request,
        }
        for event, listener in self._listeners.items():
            self.page.on(event, listener)

    @property
    def page(self) -> Page:
        """The page that shows it."""
        return self.window.page

    def _complain(self, text: str) -> None:
        self.errors.append(text)
        self.spoiled = True

    def _note_console(self, message: ConsoleMessage) -> None:
        where = message.location
        text = f"{message.type}: {message.text}  ({where.get('url', '')[:200]}:{where.get('lineNumber')})"
        self.console.append(text)
        if message.type == "error":
            self._complain(text)

    def _note_request(self, request: Request) -> None:
        address = urllib.parse.urlparse(request.url)
        if address.scheme not in {"blob", "data", "about"} and address.hostname != "127.0.0.1":
            self.left.append(request.url)

    # --- what can be seen -------------------------------------------------------------------------------------------

    @property
    def outputs(self) -> Locator:
        """The outputs, in order: one for each thing that a cell showed or printed."""
        return self.page.locator(".jp-Notebook .jp-OutputArea-output")

    @property
    def cells(self) -> Locator:
        """The code cells, in order."""
        return self.page.locator(".jp-Notebook .jp-CodeCell")

    def output(self, cell: int = -1) -> Locator:
        """Everything that code cell number ``cell`` shows; negative numbers count from the end."""
        return self.cells.nth(cell).locator(".jp-Cell-outputArea")

    def screenshot(self, path: str | Path, of: Locator | None = None) -> Path:
        """Save a picture of ``of``, or of the whole notebook, with nothing scrolled out of sight."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.unfold()
        if of is None:
            self.page.screenshot(path=path, clip=self.page.evaluate(ALL_CELLS))
        else:
            of.screenshot(path=path)
        return path

    def unfold(self) -> None:
        """Make the window so tall that no cell is out of sight."""
        for _ in range(3):  # a taller window may let a widget grow
            # The notebook can be scrolled past its end, and stays so when the window grows.
            self.page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0; }")
            size = self.page.viewport_size
            height = min(int(self.page.evaluate(ALL_CELLS)["height"]) + ROOM_ABOVE_AND_BELOW, 16_000)
            if size is None or size["height"] >= height:
                return
            self.page.set_viewport_size({"width": size["width"], "height": height})
            self.page.wait_for_timeout(200)

    # --- the kernel behind it ---------------------------------------------------------------------------------------

    def evaluate_python(self, expression: str, timeout: float = 30) -> Any:
        """Value of a Python expression in the notebook's kernel, by way of JSON (what JSON lacks comes as its repr).

        What was done in the page before has reached the kernel.
        """
        self._hear_out()
        return self._evaluate(expression, timeout)

    def _evaluate(self, expression: str, timeout: float) -> Any:
        dumped = f"__import__('json').dumps(({expression}), default=repr)"
        answer = self._execute("", {"value": dumped}, timeout)["user_expressions"]["value"]
        if answer["status"] != "ok":
            message = f"{expression} raised {answer['ename']}: {answer['evalue']}"
            raise RuntimeError(message)
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))  # the text is the repr of a str

    def run_python(self, code: str, timeout: float = 30) -> None:
        """Run statements in the notebook's kernel as another client of it would, with no cell and no output.

        What was done in the page before has reached the kernel.
        """
        self._hear_out()
        self._execute(code, {}, timeout)

    def _execute(self, code: str, expressions: dict[str, str], timeout: float) -> dict[str, Any]:
        channel = self._channel = self._channel or Channel(
            self.server.runtime / f"kernel-{self._session()['kernel']['id']}.json"
        )
        request = {"code": code, "silent": True, "store_history": False, "user_expressions": expressions}
        content = channel.ask("execute_request", request | {"allow_stdin": False}, timeout)
        if content["status"] != "ok":
            message = f"{content.get('ename')}: {content.get('evalue')}\n" + "\n".join(content.get("traceback", ()))
            raise RuntimeError(message)
        return content

    def _session(self) -> dict[str, Any]:
        sessions: list[dict[str, Any]] = self.server.api("GET", "sessions")
        return next(session for session in sessions if session["path"] == self.name)

    def wait_for_kernel(self) -> None:
        """Wait until the page has its kernel, and that is idle."""
        # The notebook's own indicator says idle before there is a kernel, and a run is then dropped without a word.
        self.page.wait_for_function(
            f"(path) => {{ const session = {SESSION}, kernel = session?.session?.kernel;"
            " return session?.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle'; }",
            arg=self.name,
            timeout=KERNEL_SECONDS * 1000,
        )

    def settle(self, timeout: float = 120, quiet: float = 0.15) -> None:
        """Wait until no widget of the kernel is busy or draws its still picture, the page knows all that was said, and shows it."""
        deadline = time.monotonic() + timeout
        idle = 0
        while idle < 2:  # once more: an answer may just have been on its way, and the page may have more to ask
            self._hear_out()
            idle = 0 if self._evaluate(BUSY, timeout) else idle + 1
            still(self.page, quiet)
            if time.monotonic() > deadline:
                message = f"a widget is still busy after {timeout} s"
                raise TimeoutError(message)

    def _hear_out(self) -> None:
        """Wait until the kernel has heard all that the page said, and the page all that the kernel said before."""
        self.page.evaluate(
            # An answer comes after everything that was on its way. Twice: while the kernel has a widget's last change
            # yet to acknowledge, the page keeps the next one back.
            f"""async (path) => {{
                const kernel = {SESSION}?.session?.kernel;
                for (let time = 0; time < 2 && kernel?.connectionStatus === "connected"; time++)
                    await kernel.requestCommInfo({{}});
            }}""",
            self.name,
        )

    def save(self) -> Path:
        """Save the notebook with its outputs and its widgets' state; the file's path."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        return self.server.root / self.name

    def kill_kernel(self) -> None:
        """End the kernel as a crash would: nobody restarts it, the page stays."""
        self.server.api("DELETE", f"kernels/{self._session()['kernel']['id']}")
        self.spoiled = True

    def close(self) -> None:
        """Close the notebook and shut its kernel down; its window, too, when it is not fit for another notebook."""
        if self._channel is not None:
            self._channel.close()
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)
        self.spoiled = self.spoiled or not self.window.leave(self.name)
        if self.spoiled:
            self.window.close()
        for session in self.server.api("GET", "sessions"):
            if session["path"] == self.name:
                self.server.api("DELETE", f"sessions/{session['id']}")


@dataclass
class Lab:
    """JupyterLab in a browser: ``lab.run(["1 + 1"])`` opens a notebook with these cells and runs them."""

    server: Server
    browser: Browser
    opened: list[Notebook] = field(default_factory=list)
    spare: Window | None = None
    """A window that shows nothing at the moment."""

    def run(
        self,
        cells: Cells,
        *,
        theme: Theme = "light",
        width: int = 1100,
        height: int = 1400,
        name: str = "notebook",
        timeout: float = RUN_SECONDS,
        **context: Any,
    ) -> Notebook:
        """Open a new notebook with these code cells, run all, and wait until its widgets have settled.

        ``cells`` may also be a whole notebook, as `notebook_of` reads it.
        ``width`` and ``height`` are those of the browser's window in CSS pixels; ``context`` goes to
        Playwright's ``new_context`` (``reduced_motion="reduce"``, ``device_scale_factor=2``, …).
        """
        notebook = self.open(cells, theme=theme, width=width, height=height, name=name, **context)
        self.run_all(notebook, timeout)
        return notebook

    def open(
        self,
        cells: Cells,
        *,
        theme: Theme = "light",
        width: int = 1100,
        height: int = 1400,
        name: str = "notebook",
        **context: Any,
    ) -> Notebook:
        """Open a new notebook with these code cells; its kernel is there, nothing has run."""
        file = f"{name}-{secrets.token_hex(4)}.ipynb"
        nbformat.write(fresh(cells), self.server.root / file)
        window = self._window(context)
        notebook = Notebook(self.server, window, file)
        self.opened.append(notebook)
        window.show(file, width, height)
        page = window.page
        self._set_theme(page, theme)
        notebook.wait_for_kernel()
        return notebook

    def _window(self, context: dict[str, Any]) -> Window:
        spare, self.spare = self.spare, None
        if spare is not None and spare.options == context:
            return spare
        if spare is not None:
            spare.close()
        return Window(self.browser, self.server.url, self.server.token, context)

    def run_all(self, notebook: Notebook, timeout: float = RUN_SECONDS) -> None:
        """Run every cell, and wait until they are done and the widgets have settled."""
        page = notebook.page
        page.evaluate(
            "() => { window.allRan = false; "
            "window.jupyterapp.commands.execute('notebook:run-all-cells').finally(() => { window.allRan = true; }); }"
        )
        page.wait_for_function("() => window.allRan", timeout=timeout * 1000)
        notebook.settle(timeout)

    @staticmethod
    def _set_theme(page: Page, theme: Theme) -> None:
        page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", THEMES[theme]
        )
        light = "true" if theme == "light" else "false"
        page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")

    def close(self) -> None:
        """Close every notebook that is still open, and end every kernel."""
        while self.opened:
            notebook = self.opened.pop()
            notebook.close()
            if not notebook.spoiled:
                self._keep(notebook.window)
        for session in self.server.api("GET", "sessions"):
            self.server.api("DELETE", f"sessions/{session['id']}")

    def _keep(self, window: Window) -> None:
        if self.spare is not None:
            self.spare.close()
        self.spare = window


def fresh(cells: Cells) -> nbformat.NotebookNode:
    """Return a new notebook with these cells, of which none has run."""
    contents = cells.cells if isinstance(cells, nbformat.NotebookNode) else map(nbformat.v4.new_code_cell, cells)
    document = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    for cell in contents:
        new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        document.cells.append(new(cell.source))
    return document


def notebook_of(path: Path) -> nbformat.NotebookNode:
    """Read a notebook, or a Python file whose cells begin with ``# %%``."""
    if path.suffix == ".ipynb":
        return nbformat.read(path, as_version=4)
    return fresh([cell for cell in re.split(r"^# %%.*\n", path.read_text(), flags=re.MULTILINE) if cell.strip()])


def cells_of(path: Path) -> list[str]:
    """Read the code cells of a notebook or a Python file."""
    return [cell.source for cell in notebook_of(path).cells if cell.cell_type == "code"]
