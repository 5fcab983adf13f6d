"""People: roles are ordered, passwords are never kept, a wrong one never says why."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from dmsops.core.errors import BadInput, NotAllowed, NotFound, NotSignedIn
from dmsops.core.people import Person, Role, by_token, check_password, find, hash_password, people, put_person, put_token, require, sign_in
from dmsops.ops import Ops


def test_each_role_may_do_what_those_before_it_may() -> None:
    for person_role in Role:
        for least in Role:
            if person_role >= least:
                require(Person("ann", person_role), least, "x")
            else:
                with pytest.raises(NotAllowed, match=f"needs the role {least.word}; ann is {person_role.word}"):
                    require(Person("ann", person_role), least, "x")


def test_a_password_matches_itself_only_and_is_not_in_its_hash() -> None:
    stored = hash_password("correct horse")
    assert check_password("correct horse", stored)
    assert not check_password("correct horsf", stored)
    assert not check_password("", None)
    assert "horse" not in stored
    assert hash_password("correct horse") != stored


def test_signing_in_needs_name_and_password_and_does_not_say_which_was_wrong(ops: Ops) -> None:
    with ops.db.begin() as c:
        put_person(c, "ann", Role.OPERATOR, "secret")
        put_person(c, "bob", Role.VIEWER)
    assert sign_in(ops.db, "ann", "secret") == Person("ann", Role.OPERATOR)
    said = set()
    for name, password in (("ann", "wrong"), ("nobody", "secret"), ("bob", ""), ("bob", "x")):
        with pytest.raises(NotSignedIn) as caught:
            sign_in(ops.db, name, password)
        said.add(str(caught.value))
    assert said == {"name or password is wrong"}


def test_changing_a_role_keeps_the_password_and_a_new_password_replaces_the_old(ops: Ops) -> None:
    with ops.db.begin() as c:
        put_person(c, "ann", Role.OPERATOR, "first")
        put_person(c, "ann", Role.LEAD)
    assert sign_in(ops.db, "ann", "first").role is Role.LEAD
    with ops.db.begin() as c:
        put_person(c, "ann", Role.LEAD, "second")
    with pytest.raises(NotSignedIn):
        sign_in(ops.db, "ann", "first")
    assert sign_in(ops.db, "ann", "second")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "<script>", "a'--"])
def test_names_are_plain(ops: Ops, name: str) -> None:
    with ops.db.begin() as c, pytest.raises(BadInput):
        put_person(c, name, Role.VIEWER)


def test_an_unknown_person_is_nobody(ops: Ops) -> None:
    with pytest.raises(NotSignedIn, match="'eve' is not known"):
        find(ops.db, "eve")
    with ops.db.begin() as c:
        assert "eve" not in c.execute(sa.select(people.c.name)).scalars().all()


def test_a_token_acts_as_its_person_until_it_is_replaced_or_withdrawn(ops: Ops) -> None:
    with ops.db.begin() as c:
        put_person(c, "ann", Role.OPERATOR, "secret")
        first = put_token(c, "ann")
        stored = c.execute(sa.select(people.c.token).where(people.c.name == "ann")).scalar()
    assert first not in stored
    assert by_token(ops.db, first) == Person("ann", Role.OPERATOR)
    with ops.db.begin() as c:
        put_person(c, "ann", Role.LEAD, "another secret")
    assert by_token(ops.db, first) == Person("ann", Role.LEAD)
    with ops.db.begin() as c:
        second = put_token(c, "ann")
    with pytest.raises(NotSignedIn, match="belongs to nobody"):
        by_token(ops.db, first)
    with ops.db.begin() as c:
        assert put_token(c, "ann", withdraw=True) == ""
    for token in (second, "", "nonsense"):
        with pytest.raises(NotSignedIn):
            by_token(ops.db, token)
    with pytest.raises(NotFound, match="'bob' is not known"), ops.db.begin() as c:
        put_token(c, "bob")
