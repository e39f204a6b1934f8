"""What `scudo-agent desk user` and `desk customer` tell a desk, running or not."""

import dataclasses
import logging
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scudo_agent.config.fields import Id, Mail, Title, Zone
from scudo_agent.desk.app import Desk
from scudo_agent.desk.front import LANGUAGES
from scudo_agent.desk.offload import offload
from scudo_agent.desk.passwords import BusyError, refusal
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.coverage import Cover
from scudo_agent.desk.store.customers import CustomerChange, CustomerLine
from scudo_agent.desk.store.people import ALL, LISTED, NewPerson, PeopleError
from scudo_agent.desk.store.people_lines import PersonLine
from scudo_agent.desk.store.tables import PROVIDER_TENANT
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.instant import format_instant

Asked = dict[str, Any]
Order = Callable[[Asked, str], Awaitable[Asked]]

_Language = Annotated[str, Field(pattern=f"^({'|'.join(LANGUAGES)})$")]
_log = logging.getLogger(__name__)


class _Words(BaseModel):
    """Fields of a request; others, and other values, are refused."""

    model_config = ConfigDict(extra="forbid")


class _NewUser(_Words):
    mail: Mail
    name: str
    role: Role
    customer: Id | None = None
    language: _Language | None = None
    phone: str | None = None


class _NewCustomer(_Words):
    customer: Id
    name: Title
    mail: Mail
    language: _Language = "it"
    site: Id
    timezone: Zone
    contract: Id | None = None


class _OtherCustomer(_Words):
    name: Title | None = None
    mail: Mail | None = None
    language: _Language | None = None
    site: Id | None = None
    timezone: Zone | None = None
    contract: Id | None = None


class _Covered(_Words):
    site: Id
    contract: Id
    since: date
    until: date | None = None


W = TypeVar("W", bound=_Words)


class PeopleOrders:
    """The orders about people and customers of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def orders(self) -> dict[str, Order]:
        """By the words of requests."""
        return {
            "desk-user-add": self._add,
            "desk-user-invite": self._invite,
            "desk-user-list": self._list,
            "desk-user-role": self._role,
            "desk-user-disable": self._disable,
            "desk-user-enable": self._enable,
            "desk-user-password": self._password,
            "desk-customer-add": self._add_customer,
            "desk-customer-list": self._customers,
            "desk-customer-show": self._customer,
            "desk-customer-change": self._change_customer,
            "desk-customer-contract": self._cover,
        }

    async def _add(self, asked: Asked, actor: str) -> Asked:
        store = self._desk.store
        await offload(store.people.add, _new_person(asked), actor=actor)
        return await self._shown(_mail(asked))

    async def _invite(self, asked: Asked, actor: str) -> Asked:
        """Somebody who is known is mailed again; who is new is added."""
        store, mail = self._desk.store, _mail(asked)
        line = await offload(store.people.one, ALL, mail)
        given = {k: v for k, v in asked.items() if k not in ("do", "mail") and v}
        if line is None and "role" in given:
            new = _new_person(asked)
            await offload(store.credentials.invite_new, new, actor=actor)
        elif line is None:
            raise InputError(f"nobody has the address '{mail}'; for a new one: --role")
        elif given:
            raise InputError(f"'{mail}' is known: invite takes nothing but the address")
        else:
            invite = store.credentials.invite
            await offload(invite, ALL, line.person_id, actor=actor)
        self._desk.wake_mails()
        return await self._shown(mail)

    async def _list(self, asked: Asked, _actor: str) -> Asked:
        # A control socket's answer is one line of bounded length: a page of them.
        people, customer = self._desk.store.people, asked.get("customer")
        page = _after(asked) // LISTED + 1
        found = await offload(people.lines, ALL, customer=customer, page=page)
        lines = found.lines if page <= found.pages else ()
        return {"users": [_user(one) for one in lines], "total": found.total}

    async def _role(self, asked: Asked, actor: str) -> Asked:
        line = await self._line(asked)
        try:
            role = Role(str(asked.get("role")))
        except ValueError:
            raise InputError(f"a role is one of {', '.join(Role)}") from None
        people = self._desk.store.people
        await offload(people.set_role, ALL, line.person_id, role, actor=actor)
        _log.warning("%s makes person %d %s", actor, line.person_id, role)
        return await self._shown(line.mail)

    async def _disable(self, asked: Asked, actor: str) -> Asked:
        line = await self._line(asked)
        disable = self._desk.store.people.disable
        await offload(disable, ALL, line.person_id, actor=actor)
        _log.warning("%s locks person %d out", actor, line.person_id)
        return await self._shown(line.mail)

    async def _enable(self, asked: Asked, actor: str) -> Asked:
        line = await self._line(asked)
        enable = self._desk.store.people.enable
        await offload(enable, ALL, line.person_id, actor=actor)
        return await self._shown(line.mail)

    async def _password(self, asked: Asked, actor: str) -> Asked:
        line, password = await self._line(asked), asked.get("password")
        if not isinstance(password, str):
            raise InputError("a password is needed")
        reason = refusal(password, mail=line.mail, name=line.name)
        if reason is not None:
            raise PeopleError(reason)
        try:
            hashed = await self._desk.passwords.hash(password)
        except BusyError:
            raise ScudoError("too many people come in just now: try again") from None
        put = self._desk.store.credentials.put_password
        await offload(put, line.person_id, hashed, actor=actor)
        return await self._shown(line.mail)

    async def _add_customer(self, asked: Asked, _actor: str) -> Asked:
        new = _checked(_NewCustomer, asked)
        enrolment = Enrolment(
            customer_id=new.customer,
            customer_name=new.name,
            customer_mail=new.mail,
            language=new.language,
            site_id=new.site,
            timezone=new.timezone,
            contract_id=new.contract,
        )
        await offload(self._desk.store.customers.add, enrolment)
        return await self._shown_customer(new.customer)

    async def _customers(self, asked: Asked, _actor: str) -> Asked:
        lines = await offload(self._desk.store.customers.lines)
        after = _after(asked)
        return {
            "customers": [_customer(one) for one in lines[after : after + LISTED]],
            "total": len(lines),
        }

    async def _customer(self, asked: Asked, _actor: str) -> Asked:
        return await self._shown_customer(str(asked.get("customer")))

    async def _change_customer(self, asked: Asked, actor: str) -> Asked:
        customer = str(asked.pop("customer", None))
        change = CustomerChange(**_checked(_OtherCustomer, asked).model_dump())
        if change == CustomerChange():
            raise InputError("what is to be otherwise? --name, --mail, --language …")
        if change.site is None and (change.timezone or change.contract):
            raise InputError("of which site? Name it: --at SITE")
        put = self._desk.store.customers.change
        await offload(put, customer, change, actor=actor)
        return await self._shown_customer(customer)

    async def _cover(self, asked: Asked, actor: str) -> Asked:
        """Let a contract hold for a site from a day on; what was and what is."""
        customer = str(asked.pop("customer", None))
        told = _checked(_Covered, asked)
        cover = Cover(
            contract_id=told.contract,
            since=told.since,
            until=told.until,
            actor=actor,
        )
        coverage = self._desk.store.coverage
        await offload(coverage.put, customer, told.site, cover)
        answer = await self._shown_customer(customer)
        found = await offload(coverage.of, customer, told.site)
        answer["customer"]["contracts"] = [
            {
                "contract": one.contract_id,
                "from": one.since.isoformat(),
                "until": None if one.until is None else one.until.isoformat(),
            }
            for one in found.covers
        ]
        return answer

    async def _line(self, asked: Asked) -> PersonLine:
        mail = _mail(asked)
        line = await offload(self._desk.store.people.one, ALL, mail)
        if line is None:
            raise InputError(
                f"nobody has the address '{mail}'; 'user list' says who is"
            )
        return line

    async def _shown(self, mail: str) -> Asked:
        return {"user": _user(await self._line({"mail": mail}))}

    async def _shown_customer(self, customer: str) -> Asked:
        one = await offload(self._desk.store.customers.one, customer)
        return {"customer": _customer(one)}


def _mail(asked: Asked) -> str:
    mail = asked.get("mail")
    if not isinstance(mail, str) or not mail.strip():
        raise InputError("'mail' needs an address")
    return mail


def _after(asked: Asked) -> int:
    """How many lines of a list the asker has already: whole pages."""
    after = asked.get("after", 0)
    if not isinstance(after, int) or not 0 <= after < 10**9 or after % LISTED:
        raise InputError(f"'after' is a number of whole pages of {LISTED}")
    return after


def _new_person(asked: Asked) -> NewPerson:
    new = _checked(_NewUser, asked)
    return NewPerson(
        tenant_id=new.customer or PROVIDER_TENANT,
        mail=new.mail,
        name=new.name,
        role=new.role,
        language=new.language,
        phone=new.phone,
    )


def _checked(kind: type[W], asked: Asked) -> W:
    """The fields as they should be; `InputError` names the first that is not."""
    given = {k: v for k, v in asked.items() if k != "do" and v is not None}
    try:
        return kind.model_validate(given)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        said = str(first["msg"]).removeprefix("Value error, ")
        raise InputError(f"{where}: {said}") from None


def _user(line: PersonLine) -> Asked:
    until = line.invited_until
    return {
        "id": line.person_id,
        "mail": line.mail,
        "name": line.name,
        "role": line.role.value,
        "customer": None if line.tenant_id == PROVIDER_TENANT else line.tenant_id,
        "language": line.language,
        "phone": line.phone,
        "state": line.standing.value,
        "created": format_instant(line.created),
        "invited_until": None if until is None else format_instant(until),
    }


def _customer(line: CustomerLine) -> Asked:
    return dataclasses.asdict(line) | {
        "sites": [dataclasses.asdict(one) for one in line.sites]
    }
