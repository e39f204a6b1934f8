"""The contract of a site whose desk is remote: the desk's version decides.

The reply to every greeting says which version holds; a new one is fetched, kept in
the store and used at once. Without the desk the agent goes on with its copy. An
embedded desk has the contract from the agent's own file, and nothing is asked.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import ValidationError

from scudo_agent.config.contract_body import body_sha256
from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.config.site import Site
from scudo_agent.contract.model import Contract
from scudo_agent.errors import ConfigError, Fault, StoreError
from scudo_agent.store.agent_store import AgentStore, wait
from scudo_agent.store.read import StoreReader
from scudo_agent.ticketing.port import DeskError
from scudo_agent.wire import HelloReply
from scudo_agent.wire_site import ContractState

_log = logging.getLogger(__name__)


class ContractSource(Protocol):
    """Where the version that holds can be asked for."""

    async def contract(self) -> ContractState | None:
        """What the desk has for this site; raises `DeskError`."""


class ContractUser(Protocol):
    """Who goes by the contract: the runtime."""

    site: Site
    store: AgentStore

    def use_contract(self, contract: Contract) -> None:
        """Go by it from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A version of a contract that a desk told, read and found sound."""

    state: ContractState
    contract: Contract

    @property
    def version(self) -> tuple[str, int]:
        """Which one it is."""
        return self.state.contract_id, self.state.revision


def kept(reader: StoreReader) -> Copy | None:
    """The copy in the store; None when there is none that is whole."""
    text = reader.contract()
    if text is None:
        return None
    try:
        return _sound(ContractState.model_validate_json(text))
    except (ValidationError, ConfigError) as exc:
        _log.warning("the copy of the contract is of no use: %s", exc)
        return None


def with_kept(site: Site, reader: StoreReader) -> Site:
    """A site with a remote desk, with the contract as its desk told it last."""
    if site.desk.url is None:
        return site
    copy = kept(reader)
    return site if copy is None else replace(site, contract=copy.contract)


class ContractWatch:
    """Follows the version that a remote desk says holds."""

    def __init__(self, user: ContractUser, source: ContractSource) -> None:
        self._user = user
        self._source = source
        copy = kept(user.store.reader)
        self._has = None if copy is None else copy.state
        self._told: tuple[str | None, int] | None = None
        self._fetching: asyncio.Task[None] | None = None

    def heard(self, reply: HelloReply) -> None:
        """The desk answered a greeting: fetch what is new to us."""
        now = reply.contract_id, reply.contract_revision
        if now != self._told:
            self._told = now
            self._complain(*now)
        if not reply.contract_revision or self._have(reply):
            return
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())

    def _have(self, reply: HelloReply) -> bool:
        """Whether our copy is the version that holds, by its number and its text."""
        if self._has is None:
            return False
        same = reply.contract_sha256 in (None, self._has.sha256)
        number = self._has.contract_id, self._has.revision
        return same and number == (reply.contract_id, reply.contract_revision)

    def _complain(self, contract_id: str | None, revision: int) -> None:
        """Say once what does not fit: the site file and the desk are the provider's."""
        named = self._user.site.contract_id
        if mismatch := disagreement(named, contract_id if revision else None):
            _log.warning("%s", mismatch)

    async def _fetch(self) -> None:
        try:
            state = await self._source.contract()
            if state is None:
                return  # taken away since; the next greeting tells
            copy = _sound(state)
            await wait(self._user.store.keep_contract(state.model_dump_json()))
        except DeskError as exc:
            _log.warning("the contract cannot be fetched just now: %s", exc)
        except ConfigError as exc:
            _log.error("the desk's contract is of no use, the old one stays: %s", exc)
        except StoreError as exc:
            _log.warning("the contract cannot be kept just now: %s", exc)
        else:
            self._has = copy.state
            self._user.use_contract(copy.contract)
            _log.info("contract %s, revision %d, holds from now on", *copy.version)

    async def close(self) -> None:
        """Fetch nothing any more."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])


def disagreement(named: str | None, told: str | None) -> str:
    """What the site file and the desk say differently of the contract, if they do."""
    if named == told:
        return ""
    if told is None:
        return f"the site file names contract '{named}', and the desk has none for it"
    says = f"names contract '{named}'" if named else "names no contract"
    return f"the site file {says}, and the desk has '{told}' for it: that one holds"


def _sound(state: ContractState) -> Copy:
    """What the desk told, if it can be gone by; else `ConfigError`."""
    name = f"contract {state.contract_id}, revision {state.revision}"
    contract = contract_of_data(state.body, name=name)
    if contract.id != state.contract_id or body_sha256(state.body) != state.sha256:
        what = "is not what its hash was made of"
        raise ConfigError([Fault(file=name, line=0, column=0, what=what)])
    return Copy(state=state, contract=contract)
