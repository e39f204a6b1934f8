"""PNG pictures by hand: made, and read back pixel by pixel."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk with its length and checksum."""
    checksum = zlib.crc32(data, zlib.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def header(width: int, height: int) -> bytes:
    """The first chunk of a picture of 8-bit RGB."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def png(
    width: int = 4, height: int = 3, colour: tuple[int, int, int] = (0, 0, 0)
) -> bytes:
    """A picture of one colour."""
    row = b"\x00" + bytes(colour) * width
    body = chunk(b"IDAT", zlib.compress(row * height))
    return SIGNATURE + header(width, height) + body + chunk(b"IEND", b"")


def pixel(content: bytes, x: int, y: int) -> tuple[int, int, int]:
    """The colour of one pixel of an 8-bit RGB or RGBA picture."""
    at, packed, width, deep = len(SIGNATURE), b"", 0, 3
    while at < len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        data = content[at + 8 : at + 8 + length]
        if name == b"IHDR":
            width, _, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data)
            assert (depth, interlaced) == (8, 0)
            deep = {2: 3, 6: 4}[kind]
        if name == b"IDAT":
            packed += data
        at += 12 + length
    row = _rows(zlib.decompress(packed), width * deep, deep)[y]
    red, green, blue = row[x * deep : x * deep + 3]
    return red, green, blue


def _rows(raw: bytes, length: int, deep: int) -> list[bytearray]:
    """Undo the filters of PNG (its specification, 9.2)."""
    rows: list[bytearray] = []
    before = bytearray(length)
    for at in range(0, len(raw), length + 1):
        kind, row = raw[at], bytearray(raw[at + 1 : at + 1 + length])
        for i in range(length):
            left = row[i - deep] if i >= deep else 0
            corner = before[i - deep] if i >= deep else 0
            row[i] = (row[i] + _guess(kind, left, before[i], corner)) & 0xFF
        rows.append(row)
        before = row
    return rows


def _guess(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 4:
        guess = left + above - corner
        return min((left, above, corner), key=lambda one: abs(guess - one))
    return (0, left, above, (left + above) // 2)[kind]
