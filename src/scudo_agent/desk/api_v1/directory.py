"""Who is who for programs: the token's person, customers, sites, contracts, people."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import JSONResponse, Response

from scudo_agent.desk.api_v1.answers import (
    ContractOut,
    CustomerOut,
    CustomerPage,
    Me,
    OnCallOut,
    PersonPage,
    SavedViewOut,
    SiteOut,
)
from scudo_agent.desk.api_v1.door import BEARER, needs
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.api_v1.tickets import Limit, paged
from scudo_agent.desk.offload import offload
from scudo_agent.desk.on_call_json import on_call_json
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.rights import RIGHTS, Right
from scudo_agent.desk.store.contracts import ContractVersion
from scudo_agent.desk.store.customers import customer_mark, site_mark
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.tables import PROVIDER_TENANT
from scudo_agent.desk.store.tokens import TokenUse
from scudo_agent.instant import Instant, format_instant

Reader = Annotated[TokenUse, Depends(needs(TokenScope.CUSTOMERS_READ, Right.READ))]
Knower = Annotated[TokenUse, Depends(needs(TokenScope.PEOPLE_READ, Right.COMPANY))]
Ours = Annotated[TokenUse, Depends(needs(TokenScope.PEOPLE_READ, Right.INTERNAL))]
Viewer = Annotated[TokenUse, Depends(needs(TokenScope.TICKETS_READ, Right.READ))]
Id = Annotated[str, Path(pattern=r"^[^\x00-\x1f/]{1,200}$", examples=["acme"])]


def add_directory_routes(router: APIRouter, store: DeskStore) -> None:
    """Add the routes about customers; all of them only read."""

    @router.get("/customers", response_model=CustomerPage)
    async def customers(
        request: Request,
        use: Reader,
        after: Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f]*$")] = "",
        limit: Limit = 50,
    ) -> Response:
        """Customers by id; a customer's own program sees its own."""
        rows = await offload(
            store.directory.customers, use.person.scope, after=after, limit=limit + 1
        )
        last = rows[limit - 1].tenant_id if len(rows) > limit else None
        found = [customer_json(row) for row in rows[:limit]]
        return paged(request, "customers", found, last)

    @router.get("/customers/{customer}", response_model=CustomerOut)
    async def customer(use: Reader, customer: Id) -> Response:
        """One customer; `ETag` is what it is now."""
        row = await _found(store, use, customer)
        headers = {"ETag": f'"{customer_mark(row)}"'}
        return JSONResponse(customer_json(row), headers=headers)

    @router.get("/customers/{customer}/sites")
    async def sites(use: Reader, customer: Id) -> list[SiteOut]:
        """The sites of a customer."""
        await _found(store, use, customer)
        rows = await offload(store.directory.sites, use.person.scope, customer)
        return [_site(row) for row in rows]

    @router.get("/customers/{customer}/sites/{site}")
    async def site(response: Response, use: Reader, customer: Id, site: Id) -> SiteOut:
        """One site; `ETag` is what it is now, all its contracts included."""
        await _found(store, use, customer)
        rows = await offload(store.directory.sites, use.person.scope, customer)
        row = next((one for one in rows if one.site_id == site), None)
        if row is None:
            raise Problem(404, "there is no such site")
        covers = await offload(store.coverage.of, customer, site)
        response.headers["ETag"] = f'"{site_mark(customer, site, covers)}"'
        return _site(row)

    @router.get("/contracts/{contract}")
    async def contract(
        response: Response, use: Reader, contract: Id
    ) -> list[ContractOut]:
        """Every version of a contract, the first one first; the last one holds.

        `ETag` is the last one.
        """
        if not use.person.may(Right.INTERNAL):
            scope = use.person.scope
            own = await offload(store.directory.sites, scope, use.person.tenant_id)
            if contract not in {row.contract_id for row in own}:
                raise Problem(404, "there is no such contract")
        versions = await offload(store.contracts.versions, contract)
        if not versions:
            raise Problem(404, "there is no such contract")
        response.headers["ETag"] = f'"{versions[-1].seen_as}"'
        return [contract_json(one) for one in versions]


def add_people_routes(router: APIRouter, store: DeskStore) -> None:
    """Add the routes about people, oneself first; all of them only read."""

    @router.get("/me", dependencies=[Depends(BEARER)])
    async def me(request: Request) -> Me:
        """Whose token this is and what it may; any token may ask."""
        return _me(request.state.token)

    @router.get("/views")
    async def views(use: Viewer) -> list[SavedViewOut]:
        """The views that the token's person keeps; `query` is that of the list."""
        found = await offload(store.saved_views.of, use.person)
        return [
            SavedViewOut(name=one.name, query=one.query, preferred=one.preferred)
            for one in found
        ]

    @router.get("/people", response_model=PersonPage)
    async def people(
        request: Request,
        use: Knower,
        after: Annotated[int, Query(ge=0, lt=1 << 63)] = 0,
        limit: Limit = 50,
    ) -> Response:
        """People; a referent's program sees those of the own company."""
        scope = use.person.scope
        rows = await offload(
            store.directory.people, scope, after=after, limit=limit + 1
        )
        last = str(rows[limit - 1].person_id) if len(rows) > limit else None
        return paged(request, "people", [_person(row) for row in rows[:limit]], last)

    @router.get("/on-call")
    async def on_call(use: Ours) -> OnCallOut:
        """Who is called now when nobody takes a ticket, and the turns to come."""
        told = on_call_json(await offload(store.rota.now))
        return OnCallOut.model_validate(told)


async def _found(store: DeskStore, use: TokenUse, customer: str) -> Any:
    row = await offload(store.directory.customer, use.person.scope, customer)
    if row is None:
        raise Problem(404, "there is no such customer")
    return row


def _me(use: TokenUse) -> Me:
    person = use.person
    assert person.person_id is not None  # a token belongs to a person
    return Me(
        person=person.person_id,
        name=person.name,
        role=person.role,
        customer=None if person.staff else person.tenant_id,
        language=person.language,
        rights=sorted(RIGHTS[person.role]),
        scopes=sorted(use.scopes),
    )


def customer_json(row: Any) -> dict[str, Any]:
    """A customer as programs have it."""
    return {
        "id": row.tenant_id,
        "name": row.name,
        "mail": row.mail,
        "language": row.language,
    }


def contract_json(version: ContractVersion) -> ContractOut:
    """A version of a contract as programs have it."""
    return ContractOut(
        id=version.contract_id,
        revision=version.revision,
        sha256=version.sha256,
        stored=format_instant(Instant(version.stored)),
        body=dict(version.body),
    )


def _site(row: Any) -> SiteOut:
    return SiteOut(
        id=row.site_id,
        customer_id=row.tenant_id,
        zone=row.timezone,
        contract=row.contract_id,
        contract_title=row.contract_title,
    )


def _person(row: Any) -> dict[str, Any]:
    gone = row.disabled_us
    provider = row.tenant_id == PROVIDER_TENANT
    return {
        "id": row.person_id,
        "customer_id": None if provider else row.tenant_id,
        "name": row.name,
        "mail": row.mail,
        "role": row.role,
        "language": row.language,
        "phone": row.phone,
        "disabled": None if gone is None else format_instant(Instant(gone)),
    }
