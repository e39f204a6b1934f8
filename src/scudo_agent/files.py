"""Files that must be whole, and for their owner alone."""

import os
from pathlib import Path


def private_file(path: Path, content: bytes) -> None:
    """Put a file in its place as a whole or not at all, mode 0600; `OSError` else."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
