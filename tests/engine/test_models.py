"""Named networks: weights by name, from files and over a connection; what does not fit is listed, no code is run."""

from __future__ import annotations

import csv
import hashlib
import pickle
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

import cnnvis_widgets as cw
from cnnvis_widgets.engine.models import read_state_dict

SMALL = "squeezenet1_1"


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    return torchvision.models.get_model(SMALL, weights=None).state_dict()


@pytest.mark.parametrize(
    ("name", "file", "share"),
    [
        ("squeezenet1_1", "squeezenet1_1_imagenet.safetensors", 60.0),
        ("mobilenet_v2", "mobilenet_v2_imagenet_fp16.safetensors", 79.5),
    ],
)
def test_real_weights_recognize_as_many_photos_as_they_should(name, file, share, shared_data):
    network = cw.load(name, shared_data / file)
    with (shared_data / "labels.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 200
    right = 0
    for start in range(0, 200, 20):
        part = rows[start : start + 20]
        found = network.predict([shared_data / "images" / row["file"] for row in part])
        right += sum(found.order(index)[0] == int(row["class_index"]) for index, row in enumerate(part))
    assert abs(right / 2 - share) <= 1


def test_a_model_without_weights_still_has_the_labels_and_preprocessing_of_its_kind():
    network = cw.load(SMALL, None)
    assert network.preprocess.size == (224, 224)
    assert len(network.labels) == network.classes == 1000
    assert not network.model.training
    assert cw.load(SMALL, None, num_classes=5).labels == ()


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_a_file_of_weights_is_loaded_exactly(state, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    for given in (path, str(path)):
        for name, value in cw.load(SMALL, given).model.state_dict().items():
            assert torch.equal(value, state[name])


def test_the_wrappings_of_checkpoints_are_taken_off(state, tmp_path):
    path = tmp_path / "checkpoint.pt"
    for content in ({"state_dict": state}, {"model": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}):
        torch.save(content, path)
        assert read_state_dict(path).keys() == state.keys()


class _Attack:
    def __reduce__(self):
        return (eval, ("globals().__setitem__('RUN', True) or open('run', 'w').close()",))


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": _Attack()}, "attack.pt")
    Path("plain.pt").write_bytes(pickle.dumps({"weight": _Attack()}, protocol=2))
    for name in ("attack.pt", "plain.pt"):
        with pytest.raises(cw.WeightsError, match=rf"{name} is a pickle that would run code \(.*eval.*state_dict"):
            cw.load(SMALL, tmp_path / name)
    assert not (tmp_path / "run").exists()


def test_files_that_hold_no_weights_are_refused_for_what_they_are(state, tmp_path):
    save_file(state, tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    torch.save(state, tmp_path / "whole.pt")
    contents = {
        "cut.safetensors": whole[: len(whole) // 2],
        "cut.pt": (tmp_path / "whole.pt").read_bytes()[:5000],
        "empty.pt": b"",
        "empty.safetensors": b"",
        "note.pt": b"hello, world",
        "page.pth": b"<!DOCTYPE html><html></html>",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(cw.WeightsError, match=rf"{name} is no (readable )?weights file") as caught:
            cw.load(SMALL, tmp_path / name)
        assert "run code" not in str(caught.value)
        assert "\n" not in str(caught.value)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(cw.WeightsError, match=r"list.pt holds list, no state dict"):
        cw.load(SMALL, tmp_path / "list.pt")
    for missing in (tmp_path / "nowhere.pt", tmp_path):
        with pytest.raises(cw.WeightsError, match=r"no weights file .* check the path|has no weights"):
            cw.load(SMALL, str(missing) + "/")


def test_keys_that_do_not_fit_are_listed(state, tmp_path):
    path = tmp_path / "weights.safetensors"
    changed = dict(state)
    del changed["features.0.bias"]
    changed["extra.weight"] = torch.zeros(1)
    changed["features.0.weight"] = torch.zeros(2, 2)
    save_file(changed, path)
    with pytest.raises(cw.WeightsError) as caught:
        cw.load(SMALL, path)
    for part in (
        "1 missing (features.0.bias)",
        "1 not in the model (extra.weight)",
        "(2, 2) in the file, (64, 3, 3, 3)",
    ):
        assert part in str(caught.value)
    save_file(state, path)
    with pytest.raises(cw.WeightsError, match=r"2 of another shape \(classifier.1.weight.*Give num_classes"):
        cw.load(SMALL, path, num_classes=7)
    with pytest.raises(cw.WeightsError, match=r"does not fit alexnet.*same architecture|another shape"):
        cw.load("alexnet", path)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("squeezenet1_l",), cw.ModelError, r"no model 'squeezenet1_l'\. Did you mean 'squeezenet1_1'"),
        (("r3d_18",), cw.ModelError, r"'r3d_18' does not take single pictures"),
        ((SMALL, "IMAGNET1K_V1"), cw.WeightsError, r"no weights 'IMAGNET1K_V1'\. Did you mean 'IMAGENET1K_V1'"),
        ((SMALL, "weights.bin"), cw.WeightsError, r"A path ends in \.safetensors or \.pt"),
        (
            (SMALL, torchvision.models.ResNet18_Weights.IMAGENET1K_V1),
            cw.WeightsError,
            r"has no weights 'ResNet18_Weights",
        ),
    ],
)
def test_misspelled_names_are_answered_with_the_nearest(arguments, error, message):
    with pytest.raises(error, match=message):
        cw.load(*arguments)


def test_options_the_builder_does_not_know_are_refused():
    with pytest.raises(cw.ModelError, match=r"cannot be built with \{'colour': 3\}"):
        cw.load(SMALL, None, colour=3)


@pytest.mark.parametrize("device", ["warp:3", "cuda:99", "nonsense"])
def test_a_device_that_is_not_there_is_said(device):
    with pytest.raises(cw.ModelError, match=rf"no device '{device}' here .* try device='cpu'"):
        cw.load(SMALL, None, device=device)


@pytest.fixture
def served(state, tmp_path, monkeypatch):
    """A function that puts bytes behind the address of the weights, with the hash of other bytes or their own."""
    entry = torchvision.models.get_model_weights(SMALL).DEFAULT
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))

    def serve(content: bytes, hashed: bytes, *, there: bool = True) -> None:
        path = tmp_path / f"weights-{hashlib.sha256(hashed).hexdigest()[:8]}.pth"
        if there:
            path.write_bytes(content)
        changed = entry.value.__class__(path.as_uri(), entry.transforms, entry.meta)
        monkeypatch.setattr(entry, "_value_", changed)

    return serve


def _saved(state, tmp_path) -> bytes:
    torch.save(state, tmp_path / "whole.pth")
    return (tmp_path / "whole.pth").read_bytes()


def test_weights_are_downloaded_once_and_checked(served, state, tmp_path, capfd):
    content = _saved(state, tmp_path)
    served(content, content)
    assert torch.equal(cw.load(SMALL).model.features[0].weight, state["features.0.weight"])
    next(tmp_path.glob("weights-*")).unlink()
    assert torch.equal(cw.load(SMALL).model.features[0].weight, state["features.0.weight"])


def test_a_damaged_download_says_so(served, state, tmp_path, capfd):
    content = _saved(state, tmp_path)
    served(content[:-100], content)
    with pytest.raises(
        cw.WeightsError, match=r"download of IMAGENET1K_V1 is damaged .*delete it from .* and try again"
    ):
        cw.load(SMALL)
    cached = tmp_path / "hub" / "checkpoints" / f"weights-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    for left_over in (content[:-100], b"", b"<html>proxy</html>"):
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(left_over)
        with pytest.raises(cw.WeightsError, match=r"is damaged"):
            cw.load(SMALL)


def test_no_connection_says_what_works_without_one(served, capfd):
    served(b"", b"", there=False)
    with pytest.raises(
        cw.WeightsError, match=r"could not be downloaded .*weights=None.*cw\.demo\(\) needs no connection"
    ):
        cw.load(SMALL)
