"""What a role may, and what its people see: the rights matrix stands on it."""

import pytest

from scudo_agent.desk.rights import STAFF, Right, Role, may
from scudo_agent.desk.store.scope import Person, Scope

EXPECTED = {
    Role.CUSTOMER: "read request",
    Role.REFERENT: "read request company colleagues",
    Role.TECHNICIAN: "read request company internal work",
    Role.DISPATCHER: "read request company internal work dispatch",
    Role.MANAGER: "read request company internal work dispatch customers",
    Role.ADMIN: "read request company internal work dispatch customers people",
}


@pytest.mark.parametrize("role", Role)
def test_each_role_may_what_was_written_down_and_nothing_else(role: Role) -> None:
    assert {one.value for one in Right if may(role, one)} == set(EXPECTED[role].split())


def test_customers_never_have_what_is_internal() -> None:
    for role in set(Role) - STAFF:
        assert not may(role, Right.INTERNAL)
        assert not may(role, Right.WORK)


def person(role: Role, tenant: str, number: int | None = 7) -> Person:
    return Person(tenant_id=tenant, role=role, actor="person:7", person_id=number)


def test_staff_see_all_and_customers_their_own() -> None:
    for role in STAFF:
        assert person(role, "@provider").scope == Scope.of_staff()
    assert person(Role.REFERENT, "acme").scope == Scope(tenant_id="acme")
    assert person(Role.CUSTOMER, "acme").scope == Scope(
        tenant_id="acme", requester_id=7
    )


def test_a_customer_without_a_number_sees_nothing() -> None:
    assert person(Role.CUSTOMER, "acme", None).scope.requester_id == 0
