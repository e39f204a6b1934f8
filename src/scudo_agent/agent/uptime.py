"""The account of a site's contracted services, from the agent's store alone.

It is made by the same functions, of the same data, as `contract uptime` makes it of
exported files: the figures are equal to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scudo_agent.agent.contracts import kept
from scudo_agent.agent.document import Document
from scudo_agent.agent.history import histories, lines
from scudo_agent.config.contract_file import SoundContract
from scudo_agent.config.history_file import History, history_of_data
from scudo_agent.config.site import Service, Site
from scudo_agent.config.statement_file import accounts_of, made
from scudo_agent.config.window_file import WindowFile, windows_of_data
from scudo_agent.contract.account import Account
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.figures import figures, part_figures
from scudo_agent.contract.part import part, service_time
from scudo_agent.contract.statement import Inputs
from scudo_agent.errors import ConfigError
from scudo_agent.instant import Instant, format_instant
from scudo_agent.store.read import StoreReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the account follows from: all that a statement holds."""

    contract: SoundContract
    history: History
    windows: WindowFile


def evidence(
    site: Site, reader: StoreReader, services: Sequence[Service], *, at: Instant
) -> Evidence | None:
    """The contract, its services' histories and the desk's windows, as known at `at`.

    None without a contract. `site` is one with what a remote desk told
    (`contracts.with_kept`).
    """
    body = site.contract_body
    if site.desk.url is not None:
        copy = kept(reader)
        body = None if copy is None else copy.state.body
    if site.contract is None or body is None:
        return None
    found = histories(site, reader, services, until=at)
    history, faults = history_of_data(lines(found), name="the agent's store")
    windows, more = windows_of_data(window_lines(reader), name="the desk's windows")
    if faults or more:
        raise ConfigError([*faults, *more])
    contract = SoundContract(contract=site.contract, body=body)
    return Evidence(contract=contract, history=history, windows=windows)


def window_lines(reader: StoreReader) -> list[dict[str, Any]]:
    """The copy of the desk's windows, as `contract uptime --windows` reads them."""
    copy = reader.windows()
    states = () if copy is None else copy.windows.windows
    return [one.model_dump(mode="json", exclude={"corrections"}) for one in states]


def accounts(
    given: Evidence, services: Sequence[Service], *, at: str, year: int | None
) -> list[Account]:
    """The account of each service; `at` as it was given."""
    return accounts_of(
        given.contract.contract,
        given.history,
        given.windows,
        request=(at, year),
        services=[one.id for one in services],
    )


def statement_of(
    given: Evidence,
    found: Sequence[Account],
    *,
    at: str,
    year: int | None,
    month: str | None,
) -> dict[str, Any]:
    """A statement that anyone can verify, as `contract uptime --statement` writes."""
    inputs = Inputs(
        contract=given.contract.body,
        history=given.history.body,
        windows=given.windows.body,
        at=at,
        year=year,
        services=[one.service for one in found],
        month=month,
    )
    return made(inputs, found)


def account_document(
    account: Account,
    service: Service,
    calendar: Calendar,
    *,
    at: str,
    month: str | None = None,
) -> Document:
    """One contracted service in `uptime --json`: `contract uptime`'s keys and more."""
    hours = part(account, service_time(calendar, account.period))
    return {
        **figures(account, at, month=month),
        "title": dict(service.title),
        "contracted": True,
        "since": format_instant(account.period[0]),
        "until": format_instant(account.period[1]),
        "service_hours": part_figures(hours),
    }
