"""The one base of all widgets: pictures in, a task off the main thread, messages that say what happened."""

from __future__ import annotations

import difflib
import logging
import os
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

from ..engine.errors import CnnvisError, LayerError, suggestion
from . import _page, _poster
from ._cells import release_previous
from ._inputs import Inputs
from ._options import LayerName, Whole, check, plain, told
from ._task import Task
from ._traits import option, state

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.network import Network

_log = logging.getLogger(__name__)
STATIC = Path(__file__).parent.parent / "static"
#: A file that a page sends may be this large.
MAX_UPLOAD = 64 * 1024 * 1024


@dataclass(frozen=True)
class Update:
    """What a step of work changes: traits, and how far it is (None: unknown).

    `chosen` fills in what was asked for without saying which: trait -> (value it was asked with, value found). It does not
    overwrite a choice made in the meantime. `now` shows it at once, however little time has passed, as the next may take long.
    """

    traits: Mapping[str, Any]
    progress: float | None = None
    chosen: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    now: bool = False


def built(name: str) -> Path | str:
    """A file of the built front-end, or a stand-in that says how to build it.

    Its text, not its path: anywidget keeps every widget whose front-end is a path alive, to reload it when the file changes.
    That is wanted only while the front-end is being written (ANYWIDGET_HMR=1).
    """
    path = STATIC / name
    if path.exists():
        return path if os.environ.get("ANYWIDGET_HMR") else path.read_text(encoding="utf-8")
    text = "The front-end of this widget is not built: run `make front-end` in the repository."
    return f"export default {{ render({{ el }}) {{ el.textContent = {text!r}; }} }};" if name.endswith(".js") else ""


class Viewer(anywidget.AnyWidget):
    """Base of every widget.

    Parameters
    ----------
    network
        A `Network`, or a module that is made into one.
    image
        A picture, or a list of pictures: anything that `Network.read` takes.
    **options
        Traits, such as `layer="features.12"`.

    Raises
    ------
    TypeError
        For a keyword the widget does not have, naming those like it.
    """

    title: ClassVar[str] = ""

    subject = state(traitlets.Unicode())
    status = state(traitlets.Enum(["empty", "busy", "ready", "failed"], "empty"))
    progress = state(traitlets.Float(-1.0))
    message = state(traitlets.Unicode())
    notice = state(traitlets.Dict(), ts="Notice | Empty")
    layers: traitlets.List[Any] = state(traitlets.List(), ts="LayerInfo[]")
    pictures: traitlets.List[Any] = state(traitlets.List(), ts="Picture[]")
    labels: traitlets.List[Any] = state(traitlets.List(), ts="string[]")
    archive = state(traitlets.Dict(), ts="Archive | Empty")

    image = state(traitlets.Int(-1))  # which of the pictures: set it on the widget
    layer = option(LayerName())
    channel = option(Whole(-1, -1, such="0", wrong=LayerError))
    target = option(traitlets.Int(-1))

    #: Traits whose change asks the network again.
    _asks: ClassVar[tuple[str, ...]] = ("image", "layer", "target")
    #: How many seconds a cell waits for the still picture before it shows the widget.
    _poster_patience: ClassVar[float] = 20.0

    def __init__(self, network: Any, image: Any = None, **options: Any) -> None:
        self._check(options)
        self._started = self._displayed = False
        super().__init__()
        self.network = _as_network(network)
        self._task: Task[Update] = Task(self._show, self._done, self._fail)
        self._stills: Task[bytes] = Task(self._publish_still, lambda: None, self._miss_still)
        self._inputs = Inputs(self.network)
        self._uploads: dict[str, dict[int, bytes]] = {}
        self._filled: dict[str, Any] = {}  # choices the widget made itself: they ask nothing again
        with self.hold_sync():
            self.subject = self.network.name
            self.labels = list(self.network.labels)
            self.layers = [_layer_info(layer) for layer in self.network.layers]
            self.layer = self._first_layer()
            for picture in _as_list(image):
                self._append(picture)
            self.image = 0 if len(self._inputs) else -1
            for name, value in sorted(options.items(), key=lambda item: item[0] != "layer"):
                setattr(self, name, self._resolved(name, value))
        self.on_msg(self._received)
        self.observe(self._asked, names=list(self._asks))
        self._started = True
        release_previous(self)
        self._ask()

    # for a person in Python ---------------------------------------------------------------------------------------

    def add_image(self, image: Any, name: str | None = None) -> int:
        """Put another picture in the strip and choose it; its index."""
        self._append(image, name)
        self.image = len(self._inputs) - 1
        return self.image

    def wait(self, timeout: float | None = 60) -> bool:
        """Until what was asked for is computed, and its still picture taken; False if that takes longer than `timeout` seconds."""
        begun = time.monotonic()
        if not self._task.wait(timeout):
            return False
        return self._stills.wait(None if timeout is None else timeout - (time.monotonic() - begun))

    def cancel(self) -> None:
        """Stop what is being computed; what is shown stays."""
        if self._task.cancel():
            with self.hold_sync():
                self.progress = -1.0
                self.status = "ready" if self._has_result() else "empty"
                self.message = "Cancelled; what was computed before is still shown."

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page that works offline, with no kernel and no request, over what is computed now for it."""
        target = Path(path).expanduser()
        target.write_text(self._page(), encoding="utf-8")
        return target

    def close(self) -> None:
        """Stop, and let go of the network, the pictures and everything computed."""
        if "_inputs" in self.__dict__:  # neither half made nor closed before
            self._task.cancel()
            self._stills.cancel()
            self._release()
            del self.network, self._inputs
        super().close()

    def __repr__(self) -> str:
        # A widget that is closed or half made has a repr too.
        return f"{type(self).__name__}({getattr(self, 'subject', '')}, layer={getattr(self, 'layer', '')!r})"

    # for the widget built on it -----------------------------------------------------------------------------------

    def _work(self) -> Iterator[Update]:
        """Compute what the traits ask for, step by step. Runs in the worker thread."""
        raise NotImplementedError

    def _poster(self) -> bytes | None:
        """A PNG of what is shown, for places where the widget cannot run."""
        raise NotImplementedError

    def _presentable(self) -> bool:
        """Whether there is something that a still picture can show."""
        return self.status == "ready"

    def _archived(self) -> dict[str, Any]:
        """Everything a page without a kernel can show, for the `archive` trait."""
        raise NotImplementedError

    def _first_layer(self) -> str:
        return self.network.last_spatial_layer

    def _resolved(self, name: str, value: Any) -> Any:
        """An option as its trait wants it: a label becomes an index, an unknown layer is refused."""
        if name == "layer":
            if not isinstance(value, str):
                hint = suggestion(str(value), (each.name for each in self.network.layers))
                msg = f"{self.network.name} has no layer {told(value)}. {hint}"
                raise LayerError(msg)
            return self.network.layer(value).name
        if name == "target":
            return self.network.class_index(value)
        if name == "channel":
            return self._checked_channel(value)
        return value

    def _checked_channel(self, channel: int) -> int:
        count = self.network.layer(self.layer).channels
        number = plain(channel)
        if not -1 <= number < count or number != int(number):
            msg = f"{self.layer} has channels 0–{count - 1}; {told(channel)} is not one of them."
            raise LayerError(msg)
        return int(number)

    def _release(self) -> None:
        """Let go of what can be computed again."""
        self._inputs.release()

    def _has_result(self) -> bool:
        return len(self._inputs) > 0

    def _input(self) -> Tensor:
        """The chosen picture, (1, C, H, W)."""
        from ..engine.errors import ImageError

        if not 0 <= self.image < len(self._inputs):
            msg = f"There are {len(self._inputs)} pictures, 0–{len(self._inputs) - 1}; {self.image} is not one of them."
            raise ImageError(msg)
        return self._inputs[self.image]

    def _scored(self, scores: Any, image: int) -> list[dict[str, Any]]:
        """The pictures, with the probabilities of one of them filled in."""
        return [{**p, "scores": scores} if index == image else p for index, p in enumerate(self.pictures)]

    # life of a question -------------------------------------------------------------------------------------------

    def _asked(self, change: Any) -> None:
        if self._filled.pop(change["name"], None) != change["new"]:
            self._ask()

    def _ask(self) -> None:
        if not self._started:
            return
        if not len(self._inputs):
            self.status = "empty"
            return
        self.status = "busy"
        self._task.submit(self._work)

    def _show(self, update: Update) -> None:
        with self.hold_sync():
            for name, value in update.traits.items():
                self.set_trait(name, value)
            for name, (asked, found) in update.chosen.items():
                if getattr(self, name) == asked != found:
                    self._filled[name] = found
                    self.set_trait(name, found)
            self.progress = -1.0 if update.progress is None else update.progress

    def _done(self) -> None:
        with self.hold_sync():
            self.status, self.progress, self.notice = "ready", -1.0, {}

    def _fail(self, error: Exception) -> None:
        with self.hold_sync():
            self.status, self.progress = "failed", -1.0
            self.notice = _notice(error, type(self).__name__)
            self.message = self.notice["title"]

    # what the page says -------------------------------------------------------------------------------------------

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What a page sets. What a trait does not take is said there, and the page is told what holds instead."""
        try:
            super().set_state(sync_data)
        except (CnnvisError, traitlets.TraitError) as error:
            with self.hold_sync():
                self.send_state(list(sync_data.keys() & set(self.keys)))
                self._fail(error)
                self.status = "busy" if self._task.wanted else "failed"

    def _received(self, _widget: Any, content: Any, buffers: list[memoryview]) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        try:
            if kind == "run":
                self.send({"type": "alive"})
                if len(self._inputs) and not self._task.wanted and (self.status != "ready" or content.get("again")):
                    self._ask()
            elif kind == "cancel":
                self.cancel()
            elif kind == "export":
                self._export(content.get("format"))
            elif kind == "upload":
                self._upload(content, buffers)
        except Exception as error:  # noqa: BLE001 (a bad message must not kill the widget, and must be seen)
            self._fail(error)

    def _upload(self, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """One part of a file; the file is read when all parts are there."""
        from ..engine.errors import ImageError

        key, part, parts = str(content["id"]), int(content["part"]), int(content["parts"])
        received = self._uploads.setdefault(key, {})
        received[part] = bytes(buffers[0])
        if sum(map(len, received.values())) > MAX_UPLOAD or parts > 1000 or len(self._uploads) > 16:
            self._uploads.clear()
            msg = f"{content.get('name')} is larger than {MAX_UPLOAD // 2**20} MB: scale it down first."
            raise ImageError(msg)
        if len(received) == parts:
            del self._uploads[key]
            data = b"".join(received[index] for index in range(parts))
            self.add_image(data, str(content.get("name") or "picture"))

    def _export(self, form: Any) -> None:
        name = f"{type(self).__name__}.{form}"
        if form == "html":
            self.send({"type": "file", "name": name, "mime": "text/html"}, [self._page().encode()])
        elif form == "png":
            poster = self._poster()
            if poster is not None:
                self.send({"type": "file", "name": name, "mime": "image/png"}, [poster])

    # what stays ---------------------------------------------------------------------------------------------------

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The widget, with a picture of it for GitHub, nbconvert and whoever opens the notebook later.

        A reopened JupyterLab shows an error where a widget was, whatever else stands in the same output; so there the picture
        is an output of its own, which the live widget hides.
        """
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        early = not self.wait(self._poster_patience)
        self._displayed = True
        poster = self._poster() if self._presentable() else None
        if poster is not None and not _poster.publish(poster, self.model_id):
            data = {**data, "image/png": _page.base64_text(poster)}
        if early and not self._task.busy:  # it was done meanwhile, when there was nothing yet to be taken again
            self._keep_still()
        return data, metadata

    def _keep_still(self) -> None:
        """The picture that stays in the notebook was taken while things were computed: take it again, if there is one.

        It is drawn beside the task, which would keep the page waiting.
        """
        if self._displayed:
            self._stills.submit(self._drawn_still)

    def _drawn_still(self) -> Iterator[bytes]:
        poster = self._poster()
        if poster is not None:
            yield poster

    def _publish_still(self, poster: bytes) -> None:
        _poster.publish(poster, self.model_id, again=True)

    def _miss_still(self, error: Exception) -> None:
        if "_inputs" in self.__dict__:  # else it was closed meanwhile
            _log.warning("The still picture of %r could not be drawn.", self, exc_info=error)

    def _page(self) -> str:
        archive = self._archived()  # it may fill in what no one has looked at yet
        state = {
            name: getattr(self, name)
            for name in self.traits(sync=True)
            if not name.startswith("_") and name in _own(self)
        }
        state |= {"archive": archive, "status": "ready" if self._has_result() else "empty", "progress": -1.0}
        return _page.page(f"{self.title}: {self.subject}", state, self._esm, self._css)

    # behind the scenes --------------------------------------------------------------------------------------------

    @classmethod
    def _check(cls, options: dict[str, Any]) -> None:
        known = sorted(name for name, trait in cls.class_traits(sync=True).items() if trait.metadata.get("option"))
        for name in options:
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                msg = f"{cls.__name__} has no option {name!r}; {hint}It has {', '.join(known)}."
                raise TypeError(msg)
        check(cls.class_traits(), options, leave=("layer", "channel"))  # these say what the network has

    def _append(self, picture: Any, name: str | None = None) -> None:
        from ..engine.images import encode_picture, name_of

        named = name or name_of(picture, len(self._inputs))
        image = self._inputs.append(picture)
        height, width = image.shape[-2:]
        shown = {"name": named, "width": width, "height": height}
        self.pictures = [*self.pictures, {**shown, "data": encode_picture(image), "scores": b""}]


def _as_network(network: Any) -> Network:
    from ..engine.network import Network

    return network if isinstance(network, Network) else Network(network)


def _as_list(image: Any) -> list[Any]:
    if image is None:
        return []
    if isinstance(image, (list, tuple)):
        return list(image)
    if getattr(image, "ndim", 0) == 4:
        return [image[index : index + 1] for index in range(len(image))]
    return [image]


def _own(widget: Viewer) -> set[str]:
    """Names of the traits that are this package's, not ipywidgets' or anywidget's."""
    return set(type(widget).class_traits(sync=True)) - set(anywidget.AnyWidget.class_traits(sync=True))


def _layer_info(layer: Any) -> dict[str, Any]:
    height, width = layer.size
    field = layer.receptive_field
    square = field is not None and field.rows == field.columns
    return {
        "name": layer.name,
        "kind": layer.kind,
        "channels": layer.channels,
        "height": height,
        "width": width,
        "parent": layer.parent,
        "container": layer.container,
        "field": [field.rows.size, field.rows.jump, field.rows.start] if square else None,
    }


def _notice(error: Exception, name: str) -> dict[str, Any]:
    """What happened, why, and what to do about it."""
    ours = isinstance(error, CnnvisError)
    first = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
    text = str(error) if ours else f"{type(error).__name__}: {first}. The widget is still alive: choose something else."
    title = {
        "LayerError": "This layer cannot be used",
        "TargetError": "This class cannot be used",
        "ImageError": "This picture cannot be used",
        "GradientError": "This method cannot be used here",
    }.get(type(error).__name__, f"{name} could not compute this")
    detail = "".join(traceback.format_exception(error))
    return {"kind": "fail", "title": title, "text": text, "actions": [], "detail": detail}
