"""The harness itself: what the browser tests rely on."""

from __future__ import annotations

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
