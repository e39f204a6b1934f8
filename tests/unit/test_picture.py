"""Which bytes are taken for a picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.picture import PICTURE_LIMIT, SIDE_LIMIT, NoPictureError, Size, look
from support.pictures import SIGNATURE, chunk, header, pixel, png


def test_a_picture_has_its_size_and_its_colour() -> None:
    content = png(7, 5, (1, 2, 3))
    assert look(content) == Size(7, 5)
    assert pixel(content, 6, 4) == (1, 2, 3)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no PNG"),
        (b"<svg onload='alert(1)'/>", "no PNG"),
        (SIGNATURE, "cut off"),
        (png()[:-1], "cut off"),
        (png() + b"<script>", "more after the end"),
        (SIGNATURE + chunk(b"IEND", b""), "no header"),
        (SIGNATURE + header(1, 1) + chunk(b"IEND", b""), "no image"),
        (SIGNATURE + header(0, 1), "0 × 1 pixels"),
        (SIGNATURE + header(SIDE_LIMIT + 1, 1), "pixels"),
        (SIGNATURE + header(1, 1) + chunk(b"tEXt", b"Comment\0x"), "no screenshot has"),
        (SIGNATURE + b"\xff\xff\xff\xffIHDR" + b"\0" * 20, "cut off"),
        (png().replace(b"IHDR\0\0\0\x04", b"IHDR\0\0\0\x05"), "damaged"),
        (SIGNATURE + b"\0" * PICTURE_LIMIT, "more than"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(NoPictureError, match=why):
        look(content)


@given(st.binary(max_size=200), st.integers(0, 80))
def test_no_bytes_break_it(noise: bytes, cut: int) -> None:
    for content in (noise, SIGNATURE + noise, png()[:cut] + noise):
        try:
            look(content)
        except NoPictureError:
            continue
        assert content == png()
