"""Pixels enter in one place: right values for every kind of file and array, one clear sentence for what is none."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import cnnvis_widgets as cw
from cnnvis_widgets.engine.images import decode, encode_picture, encode_png, name_of, to_uint8

COLOR = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def _file(image, kind="PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bytes_of(tensor):
    return (tensor[0] * 255).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_files_without_loss_give_their_exact_pixels(kind, tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(_file(Image.fromarray(COLOR), kind))
    for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), memoryview(path.read_bytes())):
        tensor = decode(source)
        assert tensor.shape == (1, 3, 5, 7)
        assert tensor.dtype == torch.float32
        np.testing.assert_array_equal(_bytes_of(tensor), COLOR)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 8), (8, 3), (3, 3), (4, 1)])
def test_pictures_as_thin_as_their_channels_are_not_turned(size):
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    for source in (_file(Image.fromarray(pixels)), Image.fromarray(pixels)):
        np.testing.assert_array_equal(_bytes_of(decode(source)), pixels)


def test_sixteen_bits_stay_sixteen_bits():
    deep = np.array([[0, 1, 256], [30000, 65534, 65535]], dtype=np.uint16)
    expected = torch.from_numpy(deep.astype(np.float64) / 65535).float()[None, None]
    image = Image.fromarray(deep)
    for source in (_file(image), _file(image, "TIFF"), image, deep, deep.astype(">u2"), torch.from_numpy(deep)):
        torch.testing.assert_close(decode(source), expected)
    big_endian = b"MM\0*\0\0\0\x08" + struct.pack(">H", 8)
    for tag, kind, value in ((256, 3, 3), (257, 3, 2), (258, 3, 16), (259, 3, 1), (262, 3, 1), (277, 3, 1)):
        big_endian += struct.pack(">HHIHH", tag, kind, 1, value, 0)
    big_endian += struct.pack(">HHII", 273, 4, 1, 110) + struct.pack(">HHII", 279, 4, 1, 12) + bytes(4)
    torch.testing.assert_close(decode(big_endian + deep.astype(">u2").tobytes()), expected)


def test_a_cmyk_jpeg_has_the_colors_it_was_made_of():
    flat = Image.new("RGB", (16, 16), (200, 40, 90))
    found = _bytes_of(decode(_file(flat.convert("CMYK"), "JPEG", quality=100)))
    assert np.abs(found.astype(int) - (200, 40, 90)).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_stands_upright(orientation):
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # inverse transpositions of Pillow
    upright = Image.fromarray(COLOR)
    stored = upright.transpose(turns[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(_bytes_of(decode(_file(stored, exif=exif))), COLOR)


def test_transparency_is_laid_on_white():
    clear = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], dtype=np.uint8)
    expected = [[10, 20, 30], [255] * 3, [127] * 3]
    assert _bytes_of(decode(_file(Image.fromarray(clear)))).tolist() == [expected]
    gray = Image.merge("LA", (Image.fromarray(clear[..., 0]), Image.fromarray(clear[..., 3])))
    assert _bytes_of(decode(_file(gray)))[..., 0].tolist() == [[10, 255, 127]]
    palette = Image.fromarray(np.array([[0, 1]], dtype=np.uint8)).convert("P")
    palette.putpalette([9, 8, 7, 1, 2, 3])
    assert _bytes_of(decode(_file(palette, transparency=1))).tolist() == [[[9, 8, 7], [255] * 3]]
    plain = Image.fromarray(np.array([[[9, 8, 7], [1, 2, 3]]], dtype=np.uint8))
    assert _bytes_of(decode(_file(plain, transparency=(1, 2, 3)))).tolist() == [[[9, 8, 7], [255] * 3]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_read(kind):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue", "lime")]
    options = {"lossless": True} if kind == "WEBP" else {}
    found = _bytes_of(decode(_file(frames[0], kind, save_all=True, append_images=frames[1:], **options)))
    assert found[4, 4].tolist() == [255, 0, 0]


def test_an_open_animation_of_the_caller_stays_at_its_frame():
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    image = Image.open(io.BytesIO(_file(frames[0], "GIF", save_all=True, append_images=frames[1:])))
    image.seek(1)
    assert _bytes_of(decode(image))[4, 4].tolist() == [0, 0, 255]
    assert image.tell() == 1


def test_a_bomb_is_refused_before_it_is_decoded():
    rows = zlib.compress(bytes(10))
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    assert len(bomb) < 200
    with pytest.raises(cw.ImageError, match=r"these 68 bytes is larger than 89 megapixels: scale it down"):
        decode(bomb)


def test_files_that_are_no_pictures_are_refused_in_one_sentence(tmp_path):
    (tmp_path / "note.png").write_text("hello")
    (tmp_path / "empty.jpg").touch()
    cases = [
        (tmp_path / "nowhere.png", r"no file '.*nowhere.png' \(looked in .*\): check the path"),
        (tmp_path, r"is a folder: give one picture, or a list"),
        (tmp_path / "note.png", r"'note.png' is no picture in a known format: give PNG"),
        (tmp_path / "empty.jpg", r"'empty.jpg' is no picture in a known format"),
        (b"", r"these 0 bytes is no picture"),
        ("https://example.org/cat.png", r"is an address: download the picture first"),
        ("x" * 5000, r"There is no file 'x{200}…' "),
        ("~nobody-of-that-name/cat.png", r"no file '~nobody"),
        ("a\0b", "no file"),
        (object(), r"path, bytes, a Pillow image, an array or a tensor; object is none"),
        (None, "NoneType is none of these"),
    ]
    for source, message in cases:
        with pytest.raises(cw.ImageError, match=message):
            decode(source)


def test_cut_and_broken_files_are_refused_whichever_way_they_come():
    for kind in ("PNG", "JPEG"):
        noise = Image.fromarray(np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8))
        whole = _file(noise, kind)
        for source in (whole[: len(whole) // 2], Image.open(io.BytesIO(whole[: len(whole) // 2]))):
            with pytest.raises(cw.ImageError, match=r"broken or cut short \(.+\): save or download it again"):
                decode(source)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"]),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damage_anywhere_gives_a_picture_or_an_image_error_and_nothing_else(kind, damage):
    data = bytearray(_file(Image.fromarray(COLOR), kind))
    for place, value in damage:
        data[int(place * len(data))] = value
    try:
        tensor = decode(bytes(data))
    except cw.ImageError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert tensor.ndim == 4


def test_arrays_in_every_layout_and_type_mean_the_same():
    expected = torch.from_numpy(COLOR).permute(2, 0, 1)[None] / 255
    read_only = COLOR.copy()
    read_only.flags.writeable = False
    floats = COLOR.astype(np.float64) / 255
    twice = np.repeat(np.repeat(COLOR, 2, 0), 2, 1)
    sources = [
        *(COLOR, read_only, twice[::2, ::2], COLOR[::-1][::-1], np.asfortranarray(COLOR), COLOR.transpose(2, 0, 1)),
        *(floats, floats.astype(">f4"), floats.astype(np.longdouble), COLOR.astype(np.int64), COLOR.astype(">i2")),
        *(torch.from_numpy(COLOR), torch.from_numpy(floats).permute(2, 0, 1), expected, expected.requires_grad_()),
        *(torch.from_numpy(COLOR.transpose(2, 0, 1).copy())[None], COLOR[None]),
    ]
    for source in sources:
        torch.testing.assert_close(decode(source), expected.detach())
    torch.testing.assert_close(decode(expected.bfloat16()), expected.detach(), atol=4e-3, rtol=0)
    np.testing.assert_array_equal(decode(np.array([[True, False]]))[0, 0].numpy(), [[1, 0]])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((4, 4, 3), 1.5), r"from 1.5 to 1.5; give float in \[0, 1\] or uint8"),
        (np.full((4, 4, 3), -0.5), r"from -0.5 to -0.5"),
        (np.full((4, 4), np.nan), "NaN or infinite values"),
        (np.full((4, 4), np.inf), "NaN or infinite values"),
        (np.full((4, 4), 300, dtype=np.int32), "type int32 are not understood: give uint8"),
        (np.full((4, 4), -3, dtype=np.int32), "type int32 are not understood"),
        (np.full((4, 4), 1j), "type complex128"),
        (np.full((4, 4), "a"), "type <U1"),
        (np.full((4, 4), None), "type object"),
        (np.zeros((2, 4, 4, 3)), r"shape \(2, 4, 4, 3\) is no picture"),
        (np.zeros((4, 0, 3)), r"shape \(4, 0, 3\) is no picture"),
        (np.zeros(7), r"shape \(7,\) is no picture: give \(H, W\)"),
        (torch.tensor(3.0), r"shape \(\) is no picture"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array, message):
    with pytest.raises(cw.ImageError, match=message):
        decode(array)


def test_what_is_shown_is_the_picture_itself():
    tensor = decode(COLOR)
    np.testing.assert_array_equal(to_uint8(tensor), COLOR[None])
    assert to_uint8(torch.rand(1, 4, 5)).shape == (4, 5, 3)
    assert to_uint8(torch.rand(2, 2, 4, 5)).shape == (2, 4, 5, 3)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_png(COLOR)))), COLOR)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_picture(tensor)))), COLOR)
    assert encode_picture(torch.rand(3, 200, 200))[:2] == b"\xff\xd8"


def test_pictures_are_called_by_their_file():
    assert name_of("folder/cat.png", 0) == "cat.png"
    assert name_of(COLOR, 2) == "picture 3"
