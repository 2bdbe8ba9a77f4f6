"""A widget as one offline page: its front-end, its state, and nothing from anywhere else."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent.parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def page(title: str, state: dict[str, Any], esm: str, css: str) -> str:
    """The page. Text from users stands in it only inside JSON, with every `<` escaped."""
    boot = (STATIC / "page.js").read_text(encoding="utf-8")
    data = json.dumps(encoded(state), ensure_ascii=True, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{html.escape(title)}</title>",
            "<style>body { margin: 16px auto; max-width: 1200px; padding: 0 12px; color-scheme: light dark; }</style>",
            f"<style>{_inside(str(css))}</style>",
            '<body><div id="cnn-root"></div>',
            "<noscript>This page shows an interactive widget and needs JavaScript.</noscript>",
            f'<script type="application/json" id="cnn-state">{data}</script>',
            f'<script type="text/plain" id="cnn-esm">{_inside(str(esm))}</script>',
            f'<script type="module">{_inside(boot)}</script>',
            "</body></html>",
            "",
        ]
    )


def encoded(value: Any) -> Any:
    """State as JSON can hold it: bytes become {"$bytes": base64}, tuples lists."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": base64_text(bytes(value))}
    if isinstance(value, dict):
        return {str(key): encoded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encoded(item) for item in value]
    return value


def base64_text(data: bytes) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


def _inside(code: str) -> str:
    """Code that may stand between tags: inside strings and expressions, an escaped slash means the same."""
    return code.replace("</", "<\\/").replace("<!--", "<\\!--")
