"""Sign-in: names and scrypt-hashed passwords of the site's people; without it nothing is shown."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

import panel as pn
from panel.auth import BasicAuthProvider, BasicLoginHandler

from dashboards.app import theme
from dmsops.core import people
from dmsops.core.errors import NotSignedIn, Refused

if TYPE_CHECKING:
    from dmsops.core.people import Person
    from dmsops.ops import Ops

TRIES = 5
PAUSE_SECONDS = 30.0


class Doorkeeper:
    """Checks names and passwords; after `TRIES` wrong ones for a name it lets nobody try that name for a while."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops
        self._wrong: defaultdict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def check(self, name: str, password: str) -> Person:
        """Let a person in.

        Raises
        ------
        NotSignedIn
            Unknown name or wrong password; which of the two is not said.
        Refused
            Too many wrong tries for that name.
        """
        now = time.monotonic()
        with self._lock:
            recent = [t for t in self._wrong.pop(name, []) if now - t < PAUSE_SECONDS]
            if recent:
                self._wrong[name] = recent
        if len(recent) >= TRIES:
            raise Refused(
                f"too many wrong passwords: wait {PAUSE_SECONDS:.0f} s", remedy="Then try again, or ask the lead (procedure P01)."
            )
        try:
            return people.sign_in(self._ops.db, name, password)
        except NotSignedIn:
            with self._lock:
                self._wrong[name].append(now)
            self._ops.log.warning("board.sign-in-refused", name=name[:64])
            raise


class SignIn(BasicLoginHandler):
    """The sign-in page."""

    doorkeeper: ClassVar[Doorkeeper]

    def _validate(self, username: str, password: str) -> bool:
        try:
            self.doorkeeper.check(username, password)
        except Refused:
            return False
        return True

    def set_current_user(self, user: str | None) -> None:
        """Remember who it is in a signed cookie that scripts and other sites cannot use."""
        if not user:
            self.clear_cookie("user")
            return
        self.set_secure_cookie("user", user, expires_days=1, httponly=True, samesite="Lax", path="/")


class SitePeople(BasicAuthProvider):
    """Panel's sign-in, with the site's people behind it."""

    def __init__(self, ops: Ops) -> None:
        self._doorkeeper = Doorkeeper(ops)
        super().__init__(login_template=str(theme.HERE / "sign_in.html"), logout_template=str(theme.HERE / "sign_out.html"))

    @property
    def login_handler(self) -> Any:
        """Give the page that asks for name and password."""
        known = {"doorkeeper": self._doorkeeper, "_login_endpoint": self._login_endpoint, "_login_template": self._login_template}
        return type("SiteSignIn", (SignIn,), known)


def session_person(ops: Ops) -> Person:
    """Give who is signed in to this session, with the role the site gives them now.

    Raises
    ------
    NotSignedIn
        Nobody, or somebody the site no longer knows.
    """
    name = pn.state.user
    if not name or name == "guest":
        raise NotSignedIn("nobody is signed in")
    return people.find(ops.db, name)
