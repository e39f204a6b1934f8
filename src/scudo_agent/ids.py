"""Identifiers made by the agent: UUIDv7 (RFC 9562), ordered by time."""

import os
from collections.abc import Callable
from uuid import UUID

from scudo_agent.instant import Instant


def uuid7(at: Instant, random: Callable[[int], bytes] = os.urandom) -> str:
    """A UUIDv7 of the instant's millisecond and 74 random bits."""
    value = (at // 1_000 & (1 << 48) - 1) << 80
    value |= int.from_bytes(random(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))
