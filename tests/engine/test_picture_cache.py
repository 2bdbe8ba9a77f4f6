"""Pictures kept on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import REPOSITORY

from cnnvis_widgets.engine.picture_cache import PictureCache, default_folder

KEY, OTHER = "ab" * 16, "cd" * 16


def files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


def test_what_was_kept_comes_back_also_to_another_process(tmp_path: Path) -> None:
    PictureCache(tmp_path).put(KEY, {"score": 1.5, "note": "schön"}, {"a": b"", "b": b"\x00\xff" * 1000})
    found = PictureCache(tmp_path).get(KEY)
    assert found is not None
    assert found.facts == {"score": 1.5, "note": "schön"}
    assert found.parts == {"a": b"", "b": b"\x00\xff" * 1000}


def test_nothing_is_found_under_another_key(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path)
    cache.put(KEY, {}, {})
    assert cache.get(OTHER) is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "alien"])
def test_a_damaged_file_is_passed_over_and_can_be_written_again(tmp_path: Path, damage: str) -> None:
    cache = PictureCache(tmp_path)
    cache.put(KEY, {"score": 1}, {"picture": bytes(range(256))})
    (file,) = files(tmp_path)
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    spoiled = {"cut": bytes(data[:-9]), "flipped": bytes(data), "emptied": b"", "alien": b"cnnvis1\nnonsense"}
    file.write_bytes(spoiled[damage])
    assert cache.get(KEY) is None
    assert cache.put(KEY, {"score": 2}, {})
    found = cache.get(KEY)
    assert found is not None
    assert found.facts == {"score": 2}


def test_the_oldest_records_go_when_there_is_no_room_and_those_used_stay(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path, limit=10_500)
    keys = [f"{index:02d}" * 16 for index in range(10)]
    for age, key in enumerate(keys[:9]):
        cache.put(key, {}, {"picture": bytes(1000)})
        os.utime(cache._file(key), (1000 + age, 1000 + age))
    assert cache.get(keys[0]) is not None  # used now
    cache.put(keys[9], {}, {"picture": bytes(1500)})
    assert [key for key in keys if cache.get(key) is None] == keys[1:3]
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 10_500


def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "notes.txt").write_text("mine")
    cache = PictureCache(tmp_path)
    cache.put(KEY, {}, {})
    cache.clear()
    assert [file.name for file in files(tmp_path)] == ["notes.txt"]


def test_a_folder_that_cannot_be_made_is_said_and_nothing_is_raised(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    cache = PictureCache(blocked / "cache")
    assert not cache.put(KEY, {}, {})
    assert "cannot be written to" in cache.why_not
    assert cache.get(KEY) is None


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    code = f"""
import os
from cnnvis_widgets.engine import picture_cache
picture_cache.Path.replace = lambda *_: os._exit(9)
picture_cache.PictureCache({str(tmp_path)!r}).put({KEY!r}, {{}}, {{"picture": bytes(5000)}})
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, cwd=REPOSITORY)
    assert ended.returncode == 9
    assert files(tmp_path) != []
    cache = PictureCache(tmp_path)
    assert cache.get(KEY) is None
    assert cache.put(KEY, {}, {})
    cache.clear()
    assert files(tmp_path) == []


def test_the_folder_is_the_one_that_the_environment_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CNNVIS_CACHE", str(tmp_path / "here"))
    assert default_folder() == tmp_path / "here"
    monkeypatch.delenv("CNNVIS_CACHE")
    assert default_folder().name == "pictures"
    assert default_folder().is_absolute()
