"""Customers, sites and contracts by programs: made, changed, and which holds when."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from scudo_agent.config.contract_file import SoundContract, sound
from scudo_agent.config.fields import Id as FileId
from scudo_agent.config.fields import Title, Zone
from scudo_agent.config.yaml_source import parse
from scudo_agent.desk.api_v1.answers import ContractOut, CoverOut, CustomerOut
from scudo_agent.desk.api_v1.directory import Id, contract_json, customer_json
from scudo_agent.desk.api_v1.door import idempotent, needs
from scudo_agent.desk.api_v1.refusals import refusals
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.rights import Right
from scudo_agent.desk.settings import is_mail
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.contracts import ContractVersion, StaleContractError
from scudo_agent.desk.store.coverage import Cover
from scudo_agent.desk.store.customers import (
    CustomerChange,
    StaleCustomerError,
    customer_mark,
    site_mark,
)
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.tokens import TokenUse
from scudo_agent.errors import ConfigError, InputError

Keeper = Annotated[
    TokenUse, Depends(needs(TokenScope.CUSTOMERS_WRITE, Right.CUSTOMERS))
]
Seen = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r'^"[0-9a-f]{16}"$',
        description="What was seen, as `ETag` gave it.",
    ),
]


def _mail(text: str | None) -> str | None:
    if text is not None and not is_mail(text):
        raise ValueError("that is no mail address")
    return text


MailField = Annotated[str, Field(max_length=254), AfterValidator(_mail)]
IdField = Annotated[FileId, Field(max_length=200, examples=["acme"])]
NameField = Annotated[Title, Field(max_length=200, examples=["ACME S.p.A."])]
ZoneField = Annotated[
    Zone,
    Field(
        max_length=60,
        examples=["Europe/Rome"],
        json_schema_extra={"maxLength": 60},
    ),
]
Language = Literal["it", "en"]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CustomerAsked(_Asked):
    """A customer with its first site, which waits for its agent or does without."""

    id: IdField
    name: NameField
    mail: MailField
    language: Language = "it"
    site: IdField
    zone: ZoneField
    contract: IdField | None = None


class CustomerChanged(_Asked):
    """What is to be otherwise; what is left out stays."""

    name: NameField | None = None
    mail: MailField | None = None
    language: Language | None = None


class SiteAsked(_Asked):
    """A site: a new one, or what is otherwise of one that is there."""

    zone: ZoneField
    contract: IdField | None = None


class CoverAsked(_Asked):
    """From which day on, and to which, a contract holds; both days are included."""

    contract: IdField
    since: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    until: Annotated[str | None, Field(pattern=r"^\d{4}-\d\d-\d\d$")] = None


class ContractAsked(_Asked):
    """A contract file's text, as `scudo-agent contract check` takes it."""

    file: Annotated[str, Field(min_length=1, max_length=200_000)]


def add_customer_act_routes(router: APIRouter, store: DeskStore) -> None:
    """Add the routes about customers and contracts."""
    post: dict[str, Any] = {
        "dependencies": [Depends(idempotent)],
        "responses": refusals(400, 409),
    }

    @router.post("/customers", status_code=201, response_model=CustomerOut, **post)
    async def add(use: Keeper, body: CustomerAsked) -> Response:
        """Add a customer with its first site."""
        if await offload(store.directory.customer, use.person.scope, body.id):
            raise Problem(409, f"there is a customer '{body.id}' already")
        new = Enrolment(
            customer_id=body.id,
            customer_name=body.name,
            customer_mail=body.mail,
            language=body.language,
            site_id=body.site,
            timezone=body.zone,
            contract_id=body.contract,
        )
        await _do(store.customers.add, new)
        return await _customer(store, use, body.id, status=201)

    @router.patch(
        "/customers/{customer}",
        response_model=CustomerOut,
        responses=refusals(400, 412, 428),
    )
    async def change(
        use: Keeper, customer: Id, body: CustomerChanged, seen: Seen = None
    ) -> Response:
        """Change a customer; `If-Match` says what was seen."""
        await _found(store, use, customer)
        if seen is None:
            raise Problem(428, "If-Match: say which version of the customer was seen")
        told = CustomerChange(**body.model_dump())
        put = store.customers.change
        try:
            who, mark = use.person.actor, seen.strip('"')
            await _do(put, customer, told, actor=who, seen=mark)
        except StaleCustomerError:
            now = customer_json(await _found(store, use, customer))
            said = "the customer is another one by now"
            raise Problem(412, said, customer=now) from None
        return await _customer(store, use, customer)

    _add_site_routes(router, store, post)


def _add_site_routes(router: APIRouter, store: DeskStore, post: dict[str, Any]) -> None:
    @router.put("/customers/{customer}/sites/{site}", responses=refusals(400, 412, 428))
    async def put_site(
        response: Response,
        use: Keeper,
        customer: Id,
        site: Id,
        body: SiteAsked,
        seen: Seen = None,
    ) -> list[CoverOut]:
        """Add a site, or change its zone and the contract that holds from today on.

        `If-Match` says what was seen of one that is there; a new one has none.
        """
        await _found(store, use, customer)
        told = CustomerChange(site=site, timezone=body.zone, contract=body.contract)
        put = store.customers.change_site
        who, mark = use.person.actor, seen and seen.strip('"')
        try:
            await _do(put, customer, told, actor=who, seen=mark)
        except StaleCustomerError:
            if seen is None:
                raise Problem(428, "If-Match: say what of the site was seen") from None
            raise Problem(412, "the site is another one by now") from None
        return await _covers(store, response, customer, site)

    @router.post(
        "/customers/{customer}/sites/{site}/contracts", status_code=201, **post
    )
    async def cover(
        response: Response, use: Keeper, customer: Id, site: Id, body: CoverAsked
    ) -> list[CoverOut]:
        """Let a contract hold for a site on these days; all contracts of the site."""
        rows = await offload(store.directory.sites, use.person.scope, customer)
        if site not in {row.site_id for row in rows}:
            raise Problem(404, "there is no such site")
        one = Cover(
            contract_id=body.contract,
            since=_day(body.since, "since"),
            until=None if body.until is None else _day(body.until, "until"),
            actor=use.person.actor,
        )
        await _do(store.coverage.put, customer, site, one)
        return await _covers(store, response, customer, site)

    @router.put(
        "/contracts/{contract}",
        response_model=ContractOut,
        responses=refusals(400, 412, 428),
    )
    async def put_contract(
        use: Keeper, contract: Id, body: ContractAsked, seen: Seen = None
    ) -> Response:
        """Keep a contract file as the contract's next version, if it is another one.

        `If-Match` says which version was seen last; the first one has none. All that
        is wrong with the file is told at once, with line and column.
        """
        made = await offload(_read_contract, contract, body.file)
        put, who = store.contracts.put_seen, use.person.actor
        try:
            mark = seen and seen.strip('"')
            last = await offload(put, made.body, actor=who, seen=mark)
        except StaleContractError as exc:
            raise _stale(exc.last, seen) from None
        headers = {"ETag": f'"{last.seen_as}"'}
        return JSONResponse(contract_json(last).model_dump(), headers=headers)


def _stale(last: ContractVersion | None, seen: str | None) -> Problem:
    if seen is None:
        return Problem(428, "If-Match: say which version of the contract was seen")
    now = None if last is None else contract_json(last).model_dump()
    return Problem(412, "the contract is another one by now", contract=now)


def _read_contract(contract: str, file: str) -> SoundContract:
    try:
        made, wrong = sound(parse(file, "file"))
        if made is None:
            raise ConfigError(wrong)
    except ConfigError as exc:
        faults = [
            {"line": one.line, "column": one.column, "what": one.what}
            for one in exc.faults
        ]
        raise Problem(422, str(exc), where="body.file", faults=faults) from None
    if made.contract.id != contract:
        said = f"the file is of '{made.contract.id}', the address of '{contract}'"
        raise Problem(422, said, where="body.file")
    return made


async def _do(act: Any, *args: Any, **more: Any) -> None:
    try:
        await offload(act, *args, **more)
    except StaleCustomerError:
        raise
    except InputError as exc:
        raise Problem(422, str(exc)) from None


async def _found(store: DeskStore, use: TokenUse, customer: str) -> Any:
    row = await offload(store.directory.customer, use.person.scope, customer)
    if row is None:
        raise Problem(404, "there is no such customer")
    return row


async def _customer(
    store: DeskStore, use: TokenUse, customer: str, *, status: int = 200
) -> Response:
    row = await _found(store, use, customer)
    headers = {"ETag": f'"{customer_mark(row)}"'}
    if status == 201:
        headers["Location"] = f"/v1/desk/customers/{customer}"
    return JSONResponse(customer_json(row), status, headers=headers)


async def _covers(
    store: DeskStore, response: Response, customer: str, site: str
) -> list[CoverOut]:
    found = await offload(store.coverage.of, customer, site)
    response.headers["ETag"] = f'"{site_mark(customer, site, found)}"'
    return [
        CoverOut(
            contract=one.contract_id,
            since=one.since.isoformat(),
            until=None if one.until is None else one.until.isoformat(),
        )
        for one in found.covers
    ]


def _day(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Problem(422, "there is no such day", where=f"body.{name}") from None
