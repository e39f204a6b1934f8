"""What a disk may hold after a power loss, made of a recorded run.

`strace` writes down each write, sync and truncation of a process that commits.
At any instant the disk has what was synced, and of what was not, each sector of
512 bytes or not. Names of files (creation, renaming, removal) are taken as durable.

Run as a program, `crash_images.py FOLDER COUNT [DESK] [NORMAL]` is that process: an
agent's store, or a desk. NORMAL is the planted defect: it syncs less than it promises.
"""

import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECTOR = 512
_CALLS = "pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename,openat"
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)$")
_FD = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>")
_TEXTS = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that was done to a file: `write`, `cut`, `sync`, `gone`, `moved`."""

    kind: str
    path: str
    data: bytes = b""
    at: int = 0


@dataclass(slots=True)
class File:
    """A file on the disk: what is safe, and what may have come to it since."""

    safe: bytearray = field(default_factory=bytearray)
    pending: list[Op] = field(default_factory=list)

    def image(self, rng: random.Random, mode: str) -> bytes:
        """What may be found: of the pending `none`, `all`, or `some` sectors."""
        found = bytearray(self.safe)
        for op in self.pending if mode != "none" else ():
            if op.kind == "cut":
                if mode == "all" or rng.random() < 0.5:
                    _cut(found, op.at)
                continue
            for start, end in _sectors(op):
                if mode == "all" or rng.random() < 0.5:
                    _put(found, start, op.data[start - op.at : end - op.at])
        return bytes(found)

    def sync(self) -> None:
        """All that was written is safe."""
        for op in self.pending:
            if op.kind == "cut":
                _cut(self.safe, op.at)
            else:
                _put(self.safe, op.at, op.data)
        self.pending.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A run: what was done to the files of `folder`, what was said meanwhile."""

    folder: str
    said: str
    ops: list[Op]

    def crashes(
        self, count: int, rng: random.Random
    ) -> Iterator[tuple[dict[str, bytes], set[int]]]:
        """`count` images of the folder, each with the numbers acknowledged by then."""
        first = next(i for i, op in enumerate(self.ops) if op.path == self.said)
        places = sorted(rng.randrange(first, len(self.ops)) for _ in range(count))
        files: dict[str, File] = {}
        acked: set[int] = set()
        for place, op in enumerate(self.ops):
            if op.path == self.said:
                acked |= {int(one) for one in re.findall(rb"ack (\d+)\n", op.data)}
            else:
                _apply(files, op)
            while places and places[0] == place:
                places.pop(0)
                mode = rng.choice(("none", "some", "some", "all"))
                images = {path: file.image(rng, mode) for path, file in files.items()}
                yield images, set(acked)


def record(folder: Path, count: int, *extra: str) -> Recording:
    """Let the process commit `count` writes under `strace`."""
    strace = shutil.which("strace")
    assert strace, "strace is needed (Debian: apt-get install strace)"
    trace, said, state = folder / "trace", folder / "said", folder / "state"
    words = (
        strace,
        "-f",
        "--seccomp-bpf",
        "-y",
        "-xx",
        "-s",
        "200000",
        "-o",
        str(trace),
    )
    with said.open("wb") as out:
        subprocess.run(
            [
                *(*words, "-e", f"trace={_CALLS}", sys.executable, __file__),
                *(str(state), str(count), *extra),
            ],
            stdout=out,
            check=True,
            timeout=120,
        )
    ops = list(_ops(trace, state=str(state), said=str(said)))
    trace.unlink()
    return Recording(folder=str(state), said=str(said), ops=ops)


def lay(images: dict[str, bytes], folder: Path) -> None:
    """Put an image into a fresh folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, data in images.items():
        (folder / Path(path).name).write_bytes(data)


def survivors(image: Path, file: str = "agent.db", table: str = "outbox") -> set[int]:
    """Let SQLite recover an image; the numbers of the events that are there."""
    with closing(sqlite3.connect(image / file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        made = "SELECT 1 FROM sqlite_master WHERE name = ?"
        if not db.execute(made, (table,)).fetchone():
            return set()
        return {row[0] for row in db.execute(f"SELECT seq FROM {table}")}


def _apply(files: dict[str, File], op: Op) -> None:
    if op.kind == "gone":
        files.pop(op.path, None)
    elif op.kind == "moved":
        files[op.data.decode()] = files.pop(op.path, File())
    elif op.kind == "sync":
        if op.path in files:
            files[op.path].sync()
    else:
        files.setdefault(op.path, File()).pending.append(op)


def _ops(trace: Path, *, state: str, said: str) -> Iterator[Op]:
    """The operations on our files; a sync counts when it has returned."""
    syncing: dict[str, Op] = {}
    ends: dict[str, int] = {}
    with trace.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            if "resumed>" in line:
                done = syncing.pop(line.split()[0], None)
                if done is not None and line.rstrip().endswith("= 0"):
                    yield done
                continue
            parsed = _LINE.match(line)
            if parsed is None:
                continue
            tid, call, rest = parsed.groups()
            op = _op(call, rest)
            if op is None or not (op.path.startswith(f"{state}/") or op.path == said):
                continue
            if op.path.endswith(("-shm", ".lock")):
                continue  # not kept over a power loss, or without meaning after it
            if op.kind == "append":
                at = ends.get(op.path, 0)
                ends[op.path] = at + len(op.data)
                op = Op("write", op.path, op.data, at)
            elif op.kind == "cut":
                ends[op.path] = op.at
            if op.kind == "sync" and "<unfinished" in rest:
                syncing[tid] = op
            else:
                yield op


def _op(call: str, rest: str) -> Op | None:
    texts = [bytes.fromhex(one.replace("\\x", "")) for one in _TEXTS.findall(rest)]
    if call in ("unlink", "rename"):
        path = texts[0].decode()
        if call == "unlink":
            return Op("gone", path)
        return Op("moved", path, texts[1])
    if call == "openat":
        if "O_TRUNC" not in rest or not texts:
            return None
        return Op("cut", texts[0].decode(), at=0)
    found = _FD.match(rest)
    if found is None:
        return None
    path = _plain(found[1])
    if call in ("fsync", "fdatasync"):
        return Op("sync", path)
    numbers = re.findall(r", (\d+)", _TEXTS.sub("", rest))
    if call == "ftruncate":
        return Op("cut", path, at=int(numbers[0]))
    if call == "write":
        return Op("append", path, texts[0])
    return Op("write", path, texts[0], int(numbers[1]))


def _plain(path: str) -> str:
    """A path as `-y` prints it, with or without hexadecimal signs."""
    if "\\x" in path:
        path = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), path)
    return path.removesuffix(" (deleted)")


def _sectors(op: Op) -> Iterator[tuple[int, int]]:
    """The parts of a write that reach the disk together."""
    start, end = op.at, op.at + len(op.data)
    while start < end:
        after = min((start // SECTOR + 1) * SECTOR, end)
        yield start, after
        start = after


def _put(found: bytearray, at: int, data: bytes) -> None:
    if len(found) < at:
        found.extend(bytes(at - len(found)))
    found[at : at + len(data)] = data


def _cut(found: bytearray, at: int) -> None:
    if len(found) > at:
        del found[at:]
    else:
        found.extend(bytes(at - len(found)))


def _main(folder: Path, count: int, *extra: str) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    if "NORMAL" in extra:
        _sync_less()
    if "DESK" in extra:
        from support import desk_committing

        desk_committing.main(folder, count)
    else:
        from support import committing

        committing.main(folder, count)


def _sync_less() -> None:
    from scudo_agent.desk.store import sqlite as database
    from scudo_agent.store import engine

    engine._WRITER = {**engine._WRITER, "synchronous": ("NORMAL", 1)}
    whole = database._pragmas

    def less(dbapi: Any, *, path: Path, writes: bool) -> None:
        whole(dbapi, path=path, writes=writes)
        dbapi.execute("PRAGMA synchronous = NORMAL")

    database._pragmas = less


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
