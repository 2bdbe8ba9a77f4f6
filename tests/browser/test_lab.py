"""The harness itself: what the browser tests rely on."""

from __future__ import annotations

import pytest
import warm_kernels

COUNTER = """
import anywidget, traitlets
class Counter(anywidget.AnyWidget):
    _esm = '''export default { render({ model, el }) {
        const button = document.createElement("button");
        const show = () => { button.textContent = `clicked ${model.get("clicks")} times`; };
        button.onclick = () => { model.set("clicks", model.get("clicks") + 1); model.save_changes(); };
        model.on("change:clicks", show); show(); el.append(button);
    } };'''
    clicks = traitlets.Int().tag(sync=True)
counter = Counter()
counter
"""


def test_a_click_in_the_browser_reaches_python_and_python_reaches_the_browser(lab):
    notebook = lab.run([COUNTER])
    notebook.page.get_by_role("button", name="clicked 0 times").click()
    notebook.page.get_by_role("button", name="clicked 1 times").wait_for()
    assert notebook.evaluate_python("counter.clicks") == 1
    notebook.run_python("counter.clicks = 7")
    notebook.page.get_by_role("button", name="clicked 7 times").wait_for()


# Python is slow to hear of the click, and the page keeps what is heavy back until it has.
SLOW = (
    COUNTER.replace("save_changes();", "save_changes(); model.set('load', new Uint8Array(8e6)); model.save_changes();")
    .replace("counter = ", "    load = traitlets.Any().tag(sync=True)\ncounter = ")
    .replace("()\ncounter", "()\ncounter.observe(lambda change: __import__('time').sleep(0.3), 'clicks')\ncounter")
)


def test_python_is_asked_after_all_that_was_done_in_the_page_however_slowly_that_arrives(lab):
    notebook = lab.run([SLOW])
    notebook.page.get_by_role("button", name="clicked 0 times").click()
    assert notebook.evaluate_python("[counter.clicks, counter.load and counter.load.nbytes]") == [1, 8_000_000]
    notebook.page.get_by_role("button", name="clicked 1 times").click()
    notebook.run_python("counter.clicks += 10")
    notebook.page.get_by_role("button", name="clicked 12 times").wait_for()


def test_a_notebook_opens_in_the_theme_that_was_asked_for(lab):
    for theme, light in (("dark", "false"), ("light", "true")):
        notebook = lab.run(["1 + 1"], theme=theme)
        assert notebook.page.locator("body").get_attribute("data-jp-theme-light") == light
        assert notebook.output(0).inner_text().split() == ["[1]:", "2"]


def test_a_tall_output_is_wholly_in_the_picture(lab, tmp_path):
    from PIL import Image

    tall = "from IPython.display import HTML; HTML('<div style=\"height:3000px\">tall</div>')"
    notebook = lab.run([tall, tall])
    for number in (0, 1):
        with Image.open(notebook.screenshot(tmp_path / "tall.png", notebook.output(number))) as picture:
            assert picture.height >= 3000
    with Image.open(notebook.screenshot(tmp_path / "all.png")) as picture:
        assert picture.height >= 6000


def test_errors_in_the_console_and_requests_that_leave_the_machine_are_noticed(lab):
    notebook = lab.run(["from IPython.display import HTML; HTML('<img src=\"http://elsewhere.invalid/a.png\">')"])
    notebook.page.evaluate("() => console.error('a complaint')")
    notebook.page.evaluate("() => { setTimeout(() => { throw new Error('nobody catches this'); }); }")
    notebook.page.wait_for_timeout(200)
    errors = "\n".join(notebook.errors)
    assert "a complaint" in errors
    assert "nobody catches this" in errors
    assert set(notebook.left) == {"http://elsewhere.invalid/a.png"}
    notebook.errors.clear()
    notebook.left.clear()


def test_a_closed_notebook_leaves_no_kernel_behind(lab, server):
    notebook = lab.run(["1 + 1"])
    assert notebook.evaluate_python("2 ** 70") == 2**70
    notebook.close()
    lab.opened.remove(notebook)
    assert notebook.name not in [session["path"] for session in server.api("GET", "sessions")]


def test_a_notebook_finds_nothing_of_the_one_before(lab):
    first = lab.run(["import os, random, numpy; x = 1", "os.getpid()"])
    drawn = "[os.getpid(), os.getcwd(), random.random(), numpy.random.rand()]"
    before, page = first.evaluate_python(drawn), first.page
    lab.close()
    second = lab.run(["import os, random, numpy"])
    assert second.page is page  # the window stays
    assert page.locator(".jp-Notebook").count() == second.cells.count() == 1
    assert [here == there for here, there in zip(second.evaluate_python(drawn), before, strict=True)] == [
        *(False, True, False, False)
    ]
    assert not second.evaluate_python("'x' in globals()")
    lab.close()
    assert lab.run(["1 + 1"], has_touch=True).page is not page


def test_two_notebooks_have_two_windows_and_two_kernels(lab):
    first, second = lab.run(["x = 1"]), lab.run(["x = 2"])
    assert first.page is not second.page
    assert [each.evaluate_python("x") for each in (first, second)] == [1, 2]


def test_after_a_crash_of_the_kernel_the_next_notebook_is_well(lab):
    notebook = lab.run(["import os, signal, threading"])
    page = notebook.page
    notebook.run_python("threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()")
    page.get_by_text("appears to have died").wait_for()
    notebook.errors.clear()
    lab.close()
    notebook = lab.run(["1 + 1"])
    assert notebook.page is not page
    assert notebook.output(0).inner_text().split() == ["[1]:", "2"]


def test_a_kernel_is_interrupted(lab, server):
    notebook = lab.open(["import time; print('begun'); time.sleep(600)"])
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    notebook.output(0).get_by_text("begun").wait_for()
    (session,) = server.api("GET", "sessions")
    server.api("POST", f"kernels/{session['kernel']['id']}/interrupt")
    notebook.output(0).get_by_text("KeyboardInterrupt").first.wait_for()
    notebook.wait_for_kernel()
    assert notebook.evaluate_python("1 + 1") == 2


@pytest.mark.skipif(not warm_kernels.available(), reason="kernels are forked on Linux alone")
def test_a_kernel_has_its_imports_behind_it_and_is_a_process_of_its_own(lab):
    notebook = lab.run(["import sys, os, threading"])
    assert notebook.evaluate_python("'torch' in sys.modules")
    assert notebook.evaluate_python("[name for name in ('lab', 'warm_kernels') if name in sys.modules]") == []
    assert notebook.evaluate_python("os.popen('echo $PPID').read().strip() == str(os.getpid())")
