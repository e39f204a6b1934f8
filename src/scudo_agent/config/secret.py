"""Secrets: by reference only, in a type that never prints itself."""

import os
from pathlib import Path

from scudo_agent.errors import InputError


class Secret:
    """A secret's value; `reveal()` is the only way to it.

    `repr`, `str`, formatting and pickling show the reference or fail.
    """

    __slots__ = ("_value", "reference")

    def __init__(self, value: str, *, reference: str) -> None:
        self._value = value
        self.reference = reference

    def reveal(self) -> str:
        """The secret itself: pass it on, never keep or print it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.reference})"

    def __str__(self) -> str:
        return f"<{self.reference}>"

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self.reference)


def resolve(reference: str, *, base: Path) -> Secret:
    """Read `env:NAME`, `file:PATH` or `credential:NAME` (systemd).

    A relative path starts at `base`, the folder of the file that names it. One
    trailing newline of a file is not part of the secret. What cannot be read or
    is empty raises `InputError` that names the reference, never the value.
    """
    scheme, _, name = reference.partition(":")
    if scheme not in {"env", "file", "credential"} or not name:
        raise InputError(
            "a secret stands here by reference only: "
            "env:NAME, file:PATH or credential:NAME"
        )
    if scheme == "env":
        value = os.environ.get(name)
        if value is None:
            raise InputError(f"{reference}: the environment has no '{name}'")
    else:
        folder = base if scheme == "file" else _credentials(reference)
        try:
            value = (folder / name).read_text(encoding="utf-8")
        except OSError as exc:
            raise InputError(f"{reference}: {exc.strerror}") from None
        except UnicodeDecodeError:
            raise InputError(f"{reference}: is not UTF-8 text") from None
        value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise InputError(f"{reference}: is empty")
    return Secret(value, reference=reference)


def _credentials(reference: str) -> Path:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise InputError(
            f"{reference}: systemd gave this process no credentials "
            "(CREDENTIALS_DIRECTORY is not set)"
        )
    return Path(folder)
