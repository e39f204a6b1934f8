"""People by programs: invited, given another role, locked out, let in again.

Whom somebody looks after, the program looks after: the own company's people of a
referent, all customers' of a manager, everybody's of an administrator.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from scudo_agent.desk.api_v1.answers import PersonOut
from scudo_agent.desk.api_v1.door import idempotent, needs
from scudo_agent.desk.api_v1.refusals import refusals
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.rights import STAFF, Right, Role
from scudo_agent.desk.settings import is_mail
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.people import NewPerson, PeopleError, Reach
from scudo_agent.desk.store.people_lines import PersonLine
from scudo_agent.desk.store.tables import PROVIDER_TENANT
from scudo_agent.desk.store.tokens import TokenUse
from scudo_agent.instant import format_instant
from scudo_agent.locale.formats import clean

Keeper = Annotated[TokenUse, Depends(needs(TokenScope.PEOPLE_WRITE, Right.READ))]
Number = Annotated[int, Path(ge=1, lt=1 << 63)]
Act = Literal["disable", "enable", "invite"]


def _mail(text: str) -> str:
    if not is_mail(text):
        raise ValueError("that is no mail address")
    return text


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PersonAsked(_Asked):
    """Let somebody in: he is mailed the way. Without `customer`: the provider's."""

    mail: Annotated[
        str, Field(max_length=254, examples=["it@acme.example"]), AfterValidator(_mail)
    ]
    name: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(clean)]
    role: Role
    customer: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    language: Literal["it", "en"] | None = None
    phone: Annotated[str | None, Field(max_length=50)] = None


class RoleAsked(_Asked):
    """Another role, on the same side."""

    role: Role


def add_people_act_routes(
    router: APIRouter, store: DeskStore, committed: Callable[[], None]
) -> None:
    """Add the routes; `committed` is called when mails may be due."""
    post: dict[str, Any] = {
        "dependencies": [Depends(idempotent)],
        "responses": refusals(400, 409),
    }

    @router.post("/people", status_code=201, **post)
    async def invite(use: Keeper, body: PersonAsked) -> PersonOut:
        """Add somebody and mail the way in."""
        reach = _reach(use)
        where = PROVIDER_TENANT if body.role in STAFF else body.customer or ""
        if body.role not in _roles(reach) or (body.role in STAFF and body.customer):
            raise Problem(422, "this person cannot have this role", where="role")
        if reach.tenant_id is not None and where != reach.tenant_id:
            raise Problem(404, "there is no such customer")
        new = NewPerson(
            tenant_id=where,
            **body.model_dump(exclude={"customer"}) | {"role": body.role},
        )
        try:
            made = store.credentials.invite_new
            number = await offload(made, new, actor=use.person.actor)
        except PeopleError as exc:
            raise Problem(422, str(exc)) from None
        committed()
        return await _shown(store, reach, number)

    @router.post("/people/{person}/role", **post)
    async def role(use: Keeper, person: Number, body: RoleAsked) -> PersonOut:
        """Give somebody another role."""

        def put(reach: Reach, which: int, *, actor: str) -> bool:
            return store.people.set_role(reach, which, body.role, actor=actor)

        return await _done(store, use, person, put)

    @router.post("/people/{person}/{act}", **post)
    async def change(use: Keeper, person: Number, act: Act) -> PersonOut:
        """Lock somebody out (`disable`), let in again (`enable`), mail again."""
        acts: dict[str, Callable[..., bool]] = {
            "disable": store.people.disable,
            "enable": store.people.enable,
            "invite": store.credentials.invite,
        }
        found = await _done(store, use, person, acts[act])
        committed()
        return found


def _reach(use: TokenUse) -> Reach:
    reach = Reach.of(use.person)
    if reach is None:
        raise Problem(403, f"the role '{use.person.role}' looks after nobody")
    return reach


def _roles(reach: Reach) -> frozenset[Role]:
    """Of whom somebody may add: a referent adds people without any say."""
    return reach.roles or frozenset({Role.CUSTOMER})


async def _done(
    store: DeskStore, use: TokenUse, person: int, act: Callable[..., bool]
) -> PersonOut:
    reach = _reach(use)
    try:
        found = await offload(act, reach, person, actor=use.person.actor)
    except PeopleError as exc:
        raise Problem(409, str(exc)) from None
    if not found:
        raise Problem(404, "there is no such person, or it is not yours to change")
    return await _shown(store, reach, person)


async def _shown(store: DeskStore, reach: Reach, number: int) -> PersonOut:
    line = await offload(store.people.one, reach, number)
    if line is None:
        raise Problem(404, "there is no such person")
    return _person(line)


def _person(line: PersonLine) -> PersonOut:
    gone = line.disabled
    return PersonOut(
        id=line.person_id,
        customer_id=None if line.tenant_id == PROVIDER_TENANT else line.tenant_id,
        name=line.name,
        mail=line.mail,
        role=line.role,
        language=line.language,
        phone=line.phone,
        disabled=None if gone is None else format_instant(gone),
    )
