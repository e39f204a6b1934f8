"""A statement of account as a file: made of read inputs, read and recomputed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.config.history_file import History, history_of_data
from scudo_agent.config.json_lines import checked_instant, shortened
from scudo_agent.config.window_file import WindowFile, windows_of_data
from scudo_agent.contract.account import Account, AccountYear
from scudo_agent.contract.exact import loads
from scudo_agent.contract.figures import class_seconds, figures
from scudo_agent.contract.model import Contract
from scudo_agent.contract.statement import FORMAT, INPUTS, Inputs, statement
from scudo_agent.errors import ConfigError, InputError


def accounts_of(
    contract: Contract,
    history: History,
    windows: WindowFile,
    *,
    request: tuple[str, int | None],
    services: Sequence[str],
) -> list[Account]:
    """The account of each service; `request` is `at`, as given, and the year."""
    at, year = request
    known = AccountYear(contract, windows.windows, at=checked_instant(at), year=year)
    return [known.account(name, history.services.get(name, ())) for name in services]


def made(
    inputs: Inputs,
    accounts: Sequence[Account],
    *,
    revision: int = 1,
    corrects: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The statement of accounts that were made from the inputs."""
    return statement(
        inputs,
        [figures(one, inputs.at, month=inputs.month) for one in accounts],
        {one.service: class_seconds(one) for one in accounts},
        revision=revision,
        corrects=corrects,
    )


def read_statement(path: Path) -> dict[str, Any]:
    """A statement's data; `InputError` for a file that is none."""
    try:
        data = loads(path.read_bytes())
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror}") from None
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{path}: is no JSON: {exc}") from None
    if not isinstance(data, dict) or data.get("statement") != "uptime":
        raise InputError(f"{path}: is no statement of `contract uptime --statement`")
    if data.get("format") != FORMAT:
        raise InputError(
            f"{path}: is of format {data.get('format')}; this program knows {FORMAT}"
        )
    revision = data.get("revision")
    if not isinstance(revision, int) or isinstance(revision, bool) or revision < 1:
        raise InputError(f"{path}: 'revision' needs a whole number from 1 on")
    inputs = data.get("inputs")
    if not isinstance(inputs, dict) or any(name not in inputs for name in INPUTS):
        raise InputError(f"{path}: has no inputs; there must be {', '.join(INPUTS)}")
    return data


def recomputed(stated: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """What a statement's own inputs make of it.

    Raises `ConfigError` or `InputError` for inputs that cannot be read.
    """
    inputs, accounts = accounts_of_statement(stated, name=name)
    return remade(stated, inputs, accounts)


def remade(
    stated: Mapping[str, Any], inputs: Inputs, accounts: Sequence[Account]
) -> dict[str, Any]:
    """The statement as it must be, of the accounts that its inputs make."""
    again = made(
        inputs,
        accounts,
        revision=stated.get("revision", 1),
        corrects=stated.get("corrects"),
    )
    # What else stands among the inputs is kept, so that it shows as a difference.
    return {**again, "inputs": inputs.to_json()}


def accounts_of_statement(
    stated: Mapping[str, Any], *, name: str
) -> tuple[Inputs, list[Account]]:
    """A statement's inputs and the accounts that follow from them.

    Raises `ConfigError` or `InputError` for inputs that cannot be read.
    """
    given = stated["inputs"]
    if not isinstance(given["contract"], dict):
        raise InputError(f"{name}: its contract needs keys with values")
    contract = contract_of_data(given["contract"], name=f"{name}, contract")
    history, faults = history_of_data(given["history"], name=name)
    windows, more = windows_of_data(given["windows"], name=name)
    if faults or more:
        raise ConfigError(shortened([*faults, *more]))
    at, year, services = (given[key] for key in ("at", "year", "services"))
    if not isinstance(at, str) or type(year) not in (int, type(None)):
        raise InputError(f"{name}: 'at' needs an instant, 'year' a year or null")
    month = given.get("month")
    if not isinstance(month, str | None):
        raise InputError(f"{name}: 'month' needs a month such as 2026-11")
    if not isinstance(services, list) or not all(isinstance(s, str) for s in services):
        raise InputError(f"{name}: 'services' needs a list of services")
    accounts = accounts_of(
        contract, history, windows, request=(at, year), services=services
    )
    return Inputs(**{key: given[key] for key in INPUTS}, month=month), accounts
