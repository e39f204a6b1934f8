"""PNG pictures as evidence: looked at before they are believed.

A picture comes from a browser that was at a hostile page, and to the desk from an
agent that may be one. Only the structure is looked at, nothing is decoded.
"""

import struct
import zlib
from dataclasses import dataclass

PICTURE_LIMIT = 2 * 1024 * 1024
"""Bytes of a picture, at most: what the desk takes as a body."""

MEDIA_TYPE = "image/png"
SIDE_LIMIT = 4096
"""Pixels of a side, at most: a reader's browser must hold them."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# No texts, no time, no profiles: nothing that only a reader's program would see.
_CHUNKS = frozenset(
    (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"sRGB", b"gAMA", b"cHRM", b"pHYs")
) | {b"sBIT", b"bKGD"}


class NoPictureError(Exception):
    """These bytes are no picture that is taken as evidence; `str` says why."""


@dataclass(frozen=True, slots=True)
class Size:
    """Pixels of a picture."""

    width: int
    height: int


def look(content: bytes) -> Size:
    """The size of a whole PNG of bounded size; else `NoPictureError`."""
    if len(content) > PICTURE_LIMIT:
        raise NoPictureError(f"more than {PICTURE_LIMIT} bytes")
    if not content.startswith(_SIGNATURE):
        raise NoPictureError("no PNG")
    at, names, size = len(_SIGNATURE), list[bytes](), Size(0, 0)
    while not names or names[-1] != b"IEND":
        name, data, at = _chunk(content, at)
        if not names:
            size = _size(name, data)
        names.append(name)
    if at != len(content):
        raise NoPictureError("more after the end of the picture")
    if b"IDAT" not in names:
        raise NoPictureError("no image in it")
    return size


def _chunk(content: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Name and data of the chunk at `at`, and where the next one begins."""
    if at + 12 > len(content):
        raise NoPictureError("cut off")
    length, name = struct.unpack_from(">I4s", content, at)
    end = at + 12 + length
    if end > len(content):
        raise NoPictureError("cut off")
    if name not in _CHUNKS:
        raise NoPictureError("a part that no screenshot has")
    data = content[at + 8 : end - 4]
    if zlib.crc32(data, zlib.crc32(name)) != int.from_bytes(content[end - 4 : end]):
        raise NoPictureError("damaged")
    return name, data, end


def _size(name: bytes, data: bytes) -> Size:
    if name != b"IHDR" or len(data) != 13:
        raise NoPictureError("no header")
    width, height = struct.unpack_from(">II", data)
    if not (0 < width <= SIDE_LIMIT and 0 < height <= SIDE_LIMIT):
        raise NoPictureError(f"{width} × {height} pixels")
    return Size(width, height)
