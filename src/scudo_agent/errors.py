"""What can go wrong in a way a user can mend.

ScudoError               failed (exit 1): one clear line, never a traceback
├── InputError           wrong input (exit 2)
│   └── ConfigError      faults in a file, each with file, line and column
├── StoreError           the store cannot be used: foreign, damaged, locked
│   ├── DamagedError     its content is not what was written
│   └── SuspectError     a sync failed: it must be opened anew and checked
└── PortInUseError       a listening address is taken
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ScudoError(Exception):
    """Base of every error whose text is meant for the person at the terminal."""

    exit_code = 1


class InputError(ScudoError):
    """The command line or a file says something that cannot be meant."""

    exit_code = 2


class StoreError(ScudoError):
    """The store is foreign, damaged, locked by another agent, or too new."""


class DamagedError(StoreError):
    """What is in the file is not what was written: it must be set aside."""


class SuspectError(StoreError):
    """A sync failed, so nobody knows what the disk holds (`reliability.md` A3).

    Syncing again would tell nothing: who has the file lets go of it, opens it anew
    and checks it.
    """


class PortInUseError(ScudoError):
    """Another process listens on the address that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """One fault of a file: where, what, and (in `what`) what would be right.

    `line` and `column` count from 1; 0 means that the file as a whole is meant.
    """

    file: str
    line: int
    column: int
    what: str

    def __str__(self) -> str:
        if not self.line:
            return f"{self.file}: {self.what}"
        return f"{self.file}:{self.line}:{self.column}: {self.what}"


class ConfigError(InputError):
    """All faults of a file at once, one line each, in the order of the file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(map(str, self.faults)))

    def report(self) -> str:
        """The faults, and how many they are, as a command ends with them."""
        count = len(self.faults)
        many = "1 fault" if count == 1 else f"{count} faults"
        return f"{self}\n{many}, nothing was started"
