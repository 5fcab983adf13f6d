"""Who asks, and what of a request may be written down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.errors import NotSignedIn
from dmsops.core.people import Role, put_person, put_token
from dmsops.services.access import header_token, who_asks, without_tokens

SECRET = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=20, max_size=60)


def test_any_role_is_known_by_its_token(ops):
    with ops.db.begin() as c:
        for role in Role:
            put_person(c, role.word, role)
        tokens = {role: put_token(c, role.word) for role in Role}
    assert {role: who_asks(ops, token).role for role, token in tokens.items()} == {role: role for role in Role}


@pytest.mark.parametrize(
    ("token", "words"), [("", "no token was given"), ("dmsops_x", "belongs to nobody"), ("\x00\ud7ff", "belongs to nobody")]
)
def test_a_stranger_is_told_how_to_get_a_token(ops, token, words):
    with pytest.raises(NotSignedIn, match=words) as caught:
        who_asks(ops, token)
    assert "dmsops people token" in caught.value.remedy


@pytest.mark.parametrize(
    ("header", "token"),
    [("token a", "a"), ("Token  a ", "a"), ("", ""), ("Bearer a", ""), ("token", ""), ("a", ""), ("token None", "None")],
)
def test_the_header_is_read_as_its_client_writes_it(header, token):
    assert header_token(header) == token


@given(SECRET, st.text(max_size=30).filter(lambda t: "/" not in t), st.text(max_size=10))
def test_a_token_is_taken_out_wherever_it_stands(secret, mistyped, rest):
    written = without_tokens(f"GET /as/{mistyped}{secret}/{rest}?a=dmsops_{secret}&b")
    assert secret not in written
    assert written.startswith("GET /as/(token)/")


def test_what_is_no_token_is_left_as_it_is():
    assert (
        without_tokens("GET /api/v0.1/Download/file?uri=mast:jwstedb/A-B-C.csv") == "GET /api/v0.1/Download/file?uri=mast:jwstedb/A-B-C.csv"
    )
