"""Sign-in: the site's people and nobody else, and not too often wrong."""

from __future__ import annotations

import pytest

from dashboards.app.auth import TRIES, Doorkeeper, SitePeople, session_person
from dmsops.core.errors import NotSignedIn, Refused
from dmsops.core.people import Role
from tests.browser import toy_site


def test_a_person_of_the_site_comes_in_with_their_role(people):
    assert Doorkeeper(people).check("otto", toy_site.PASSWORD).role == Role.OPERATOR


@pytest.mark.parametrize(("name", "password"), [("otto", "wrong"), ("nobody", toy_site.PASSWORD), ("", ""), ("lead", "")])
def test_everybody_else_stays_outside(people, name, password):
    with pytest.raises(NotSignedIn):
        Doorkeeper(people).check(name, password)


def test_many_wrong_passwords_shut_the_name_for_a_while(people):
    door = Doorkeeper(people)
    for _ in range(TRIES):
        with pytest.raises(NotSignedIn):
            door.check("otto", "guess")
    with pytest.raises(Refused, match="too many wrong passwords"):
        door.check("otto", toy_site.PASSWORD)
    assert door.check("vera", toy_site.PASSWORD).name == "vera"


def test_the_sign_in_page_asks_the_site(people):
    handler = SitePeople(people).login_handler
    assert handler.doorkeeper.check("lena", toy_site.PASSWORD).role == Role.LEAD


def test_without_a_session_nobody_is_signed_in(people):
    with pytest.raises(NotSignedIn):
        session_person(people)
