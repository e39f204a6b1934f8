"""The folder of contract files that a desk reads when it starts."""

from pathlib import Path

from scudo_agent.config.contract_file import SoundContract, sound
from scudo_agent.config.yaml_source import read
from scudo_agent.errors import ConfigError, Fault


def read_contracts(folder: Path) -> list[SoundContract]:
    """Every `*.yaml` of the folder, by name; all faults of all files at once.

    A contract has one file: an id that stands in two is a fault of the second.
    """
    found: dict[str, tuple[Path, SoundContract]] = {}
    faults: list[Fault] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            doc = read(path)
        except ConfigError as exc:
            faults += exc.faults
            continue
        made, wrong = sound(doc)
        faults += wrong
        if made is None:
            continue
        first = found.setdefault(made.contract.id, (path, made))[0]
        if first != path:
            what = f"'{made.contract.id}' is the contract of {first} too; keep one"
            faults.append(doc.fault(("id",), what))
    if faults:
        raise ConfigError(faults)
    return [made for _, made in found.values()]
