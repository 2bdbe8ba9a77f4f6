"""Writes ``js/src/traits.ts`` from the widget classes; ``--check`` only says whether it is up to date.

A trait's type in TypeScript follows from its traitlet; where that says too little (what is in a list, in a dict),
the trait names it itself: ``List(Dict()).tag(sync=True, ts="Layer[]")``. Such names come from ``js/src/wire.ts``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import anywidget
import traitlets

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "js" / "src" / "traits.ts"
COMMAND = "make traits"

# A name that TypeScript does not know by itself.
FOREIGN = re.compile(r"\b[A-Z]\w*\b")
BUILT_IN = {"Array", "DataView", "Partial", "Readonly", "ReadonlyArray", "Record", "Uint8Array", "Float32Array"}

Trait: TypeAlias = "traitlets.TraitType[Any, Any]"

#: The first that fits; a trait of another kind has to say its type itself.
TYPES: tuple[tuple[type[Trait], str], ...] = (
    (traitlets.Bool, "boolean"),
    (traitlets.Int, "number"),
    (traitlets.Float, "number"),
    (traitlets.Unicode, "string"),
    (traitlets.Bytes, "DataView"),
    (traitlets.List, "unknown[]"),
    (traitlets.Dict, "Record<string, unknown>"),
)


def own_traits(widget: type[traitlets.HasTraits], base: type[traitlets.HasTraits]) -> dict[str, Trait]:
    """Return the synced traits that ``widget`` adds to ``base``, or gives another type, sorted by name."""
    skipped, inherited = anywidget.AnyWidget.class_traits(sync=True), base.class_traits(sync=True)
    return {
        name: trait
        for name, trait in sorted(widget.class_traits(sync=True).items())
        if not name.startswith("_")
        and name not in skipped
        and (widget is base or name not in inherited or typescript(name, trait) != typescript(name, inherited[name]))
    }


def typescript(name: str, trait: Trait) -> str:
    """Return the TypeScript type of a trait's value."""
    told = trait.metadata.get("ts")
    if told:
        return str(told)
    if isinstance(trait, traitlets.Enum):
        kind = " | ".join(json.dumps(value, ensure_ascii=False) for value in trait.values or ())
    else:
        kind = next((text for traitlet, text in TYPES if isinstance(trait, traitlet)), "")
    if not kind:
        message = f'{name}: there is no TypeScript type for {type(trait).__name__}; tag it with ts="…"'
        raise TypeError(message)
    return f"{kind} | null" if trait.allow_none else kind


def interface(name: str, traits: dict[str, Trait], extends: str = "") -> str:
    """Return one interface."""
    lines = []
    for trait_name, trait in traits.items():
        if trait.help:
            lines.append(f"  /** {' '.join(trait.help.split()).replace('*/', '* /')} */")
        lines.append(f"  {trait_name}: {typescript(f'{name}.{trait_name}', trait)};")
    head = f"export interface {name}{f' extends {extends}' if extends else ''} {{"
    return "\n".join([head, *lines, "}"]) + "\n"


def generate(widgets: ModuleType) -> str:
    """Return the whole file for the classes in ``widgets.__all__``."""
    classes: Iterable[object] = (getattr(widgets, name) for name in widgets.__all__)
    viewers = sorted(
        (c for c in classes if isinstance(c, type) and issubclass(c, anywidget.AnyWidget)), key=lambda c: c.__name__
    )
    base = next(
        (c for viewer in viewers for c in viewer.__mro__ if c.__name__ == "Viewer"),
        None,
    )
    if base is None:
        message = f"none of {widgets.__all__} is a Viewer"
        raise TypeError(message)
    parts = [interface("ViewerTraits", own_traits(base, base))]
    parts += [
        interface(f"{viewer.__name__}Traits", own_traits(viewer, base), "ViewerTraits")
        for viewer in viewers
        if viewer is not base
    ]
    body = "\n".join(parts)
    types = [re.sub(r'"[^"]*"', "", line) for line in re.findall(r"^  \w+: (.*);$", body, re.MULTILINE)]
    foreign = sorted({name for line in types for name in FOREIGN.findall(line)} - BUILT_IN)
    wire = f'import type {{ {", ".join(foreign)} }} from "./wire";\n\nexport type * from "./wire";\n\n'
    head = f"// Written by `{COMMAND}` from the widget classes: change the Python, not this file.\n\n"
    return head + (wire if foreign else "") + body


def main() -> int:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 when the file is out of date")
    parser.add_argument("--output", type=Path, default=TARGET, help="the file (default js/src/traits.ts)")
    chosen = parser.parse_args()
    sys.path.insert(0, str(ROOT))  # this checkout's classes, whatever is installed
    from cnnvis_widgets import widgets

    wanted = generate(widgets)
    there = chosen.output.read_text() if chosen.output.exists() else ""
    if there == wanted:
        return 0
    if chosen.check:
        print(f"{chosen.output} is out of date: run `{COMMAND}`", file=sys.stderr)
        return 1
    chosen.output.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
