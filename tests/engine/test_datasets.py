"""Folders of pictures."""

from __future__ import annotations

import pytest
from PIL import Image

import cnnvis_widgets as cw


def test_a_folder_gives_paths_with_the_class_of_their_sub_folder(tmp_path):
    for name in ("b/2.png", "a/1.JPG", "b/deep/3.webp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(tmp_path / name)
    (tmp_path / "a" / "note.txt").touch()
    found = cw.folder(tmp_path)
    assert found.classes == ("a", "b")
    assert [(path.name, target) for path, target in found] == [("1.JPG", 0), ("2.png", 1), ("3.webp", 1)]
    assert found[-1][0].name == "3.webp"
    assert len(found[1:]) == 2


def test_a_flat_folder_is_one_class(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "1.png")
    assert cw.folder(str(tmp_path)).classes == (tmp_path.name,)


def test_folders_that_are_missing_or_empty_are_refused(tmp_path):
    with pytest.raises(cw.ImageError, match=r"no folder '.*nowhere' \(looked in .*check the path"):
        cw.folder(tmp_path / "nowhere")
    with pytest.raises(cw.ImageError, match=r"holds no picture \(.bmp.*give a folder of pictures"):
        cw.folder(tmp_path)
