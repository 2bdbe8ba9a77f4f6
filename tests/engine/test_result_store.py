"""A store on the disk: nothing written is lost, nothing broken is believed, nothing else is mixed in."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from methods.nets import CASES, module_of, network_of
from methods.nets import fingerprint as state_of

import cnnvis_widgets as cw
from cnnvis_widgets.engine.result_store import ResultStore, fingerprint, fingerprint_of_network, packed, unpacked


def test_what_is_added_is_there_for_the_next_process(tmp_path):
    path = tmp_path / "kept.jsonl"
    first = ResultStore(path)
    first.add("a", {"values": {"energy": 0.1}, "name": "Käfer"})
    first.add("b", {"values": {"energy": float("nan")}})
    second = ResultStore(path)
    assert len(second) == 2
    assert second.get("a") == {"values": {"energy": 0.1}, "name": "Käfer"}
    assert np.isnan(second.get("b")["values"]["energy"])
    assert second.get("c") is None


def test_the_last_record_of_a_key_counts(tmp_path):
    store = ResultStore(tmp_path / "kept.jsonl")
    for value in range(3):
        store.add("a", {"value": value})
    assert store.get("a") == ResultStore(tmp_path / "kept.jsonl").get("a") == {"value": 2}


def test_a_folder_is_given_a_file_and_made_when_first_needed(tmp_path):
    for path in (tmp_path, tmp_path / "new" / "folder"):
        store = ResultStore(path)
        assert not (path / "ranking.jsonl").exists()
        store.add("a", {"value": 1})
        assert ResultStore(path).get("a") == {"value": 1}
        assert (path / "ranking.jsonl").is_file()


def test_without_a_path_nothing_is_kept():
    store = ResultStore(None)
    store.add("a", {"value": 1})
    assert store.get("a") is None


@pytest.mark.parametrize("cut", [1, 5, 20, 38])
def test_a_last_line_that_was_cut_short_is_passed_over_and_written_after(tmp_path, cut):
    path = tmp_path / "kept.jsonl"
    store = ResultStore(path)
    store.add("a", {"value": 1})
    store.add("b", {"value": 2, "long": "x" * 40})
    path.write_bytes(path.read_bytes()[:-cut])
    again = ResultStore(path)
    assert again.get("a") == {"value": 1}
    if cut > 1:  # only its end of line is missing otherwise
        assert again.get("b") is None
    again.add("c", {"value": 3})
    third = ResultStore(path)
    assert (third.get("a"), third.get("c")) == ({"value": 1}, {"value": 3})


@pytest.mark.parametrize("damage", [b"\xff\xfe\n", b"[]\n", b"12\n", b'{"no": "key"}\n', b"\n\n", b"null\n", b"{\n"])
def test_lines_that_are_no_records_are_passed_over(tmp_path, damage):
    path = tmp_path / "kept.jsonl"
    ResultStore(path).add("a", {"value": 1})
    path.write_bytes(damage + path.read_bytes() + damage)
    assert len(ResultStore(path)) == 1


def test_each_record_is_a_line_of_json(tmp_path):
    path = tmp_path / "kept.jsonl"
    store = ResultStore(path)
    store.add("a", {"text": "two\nlines"})
    store.add("b", {"value": 2})
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["a", "b"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_an_array_comes_back_bit_by_bit(dtype):
    values = (np.random.default_rng(0).normal(size=(3, 5)) * 1e-7).astype(dtype)
    if dtype is np.float32:
        values[0, 0] = np.nan
    back = unpacked(json.loads(json.dumps(packed(values))))
    np.testing.assert_array_equal(back, values)
    assert back.dtype == values.dtype
    back[:] = 0


def test_a_fingerprint_differs_where_anything_differs():
    array = np.arange(6, dtype=np.float32)
    things = [
        ("a", "bc"),
        ("ab", "c"),
        (array,),
        (array.reshape(2, 3),),
        (array.astype(np.float64),),
        (torch.from_numpy(array),),
        (1,),
        ("1",),
        (True,),
    ]
    marks = [fingerprint(*each) for each in things]
    assert len(set(marks)) == len(things)
    assert marks == [fingerprint(*each) for each in things]


def test_the_fingerprint_of_a_network_is_that_of_its_weights_modules_and_preprocessing():
    case = CASES["in-place ReLU"]
    model = module_of(case)
    network, before = network_of(case, model), state_of(model)
    mark = fingerprint_of_network(network)
    assert mark == fingerprint_of_network(network_of(case))
    assert state_of(model) == before
    other = {mark, fingerprint_of_network(network_of(case, module_of(case, seed=1)))}
    other.add(fingerprint_of_network(cw.Network(module_of(case), cw.Preprocess(3, (16, 16)))))
    with torch.no_grad():
        model[-1].bias[0] += 1e-6
    other.add(fingerprint_of_network(network))
    model[1].inplace = False
    other.add(fingerprint_of_network(network))
    assert len(other) == 5
