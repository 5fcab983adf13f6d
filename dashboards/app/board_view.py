"""What every board's page is: in one person's hand, told of every reading of the hub, opened by an address, with a drawer at its side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import panel as pn
from panel.io.resources import get_dist_path

from dashboards.app.auth import session_person
from dashboards.app.frame import closed_door
from dashboards.app.hub import Hub, open_hub
from dmsops.core.errors import DmsError

if TYPE_CHECKING:
    from dashboards.app.frame import Frame
    from dashboards.app.hub import Snapshot
    from dmsops.core.people import Person


class BoardView:
    """A board in one person's hand; what stands on it, its own class says."""

    hub: Hub
    frame: Frame
    address: Any
    close: Any
    story: Any
    pane: Any

    def draw(self, snapshot: Snapshot) -> None:
        """Draw a reading of the hub."""
        raise NotImplementedError

    def parts(self) -> Sequence[Any]:
        """Give the parts of the page, from the top."""
        raise NotImplementedError

    def page(self) -> pn.Template:
        """Give the whole page."""
        main = pn.Column(*self.parts(), sizing_mode="stretch_width")
        side = pn.Column(self.close, self.story, self.pane.view, sizing_mode="stretch_width")
        return self.frame.page(main, side)

    def open(self, arguments: Mapping[str, Sequence[bytes]]) -> None:
        """Show what the address asks for."""
        if self.hub.snapshot.seq < 0:
            self.hub.poll()
        self.frame.hear(self.hub.snapshot)
        self.address.read(arguments)
        self.draw(self.hub.snapshot)


def _from_here() -> None:
    """Let the page take its styles from this server, whoever makes its document.

    Panel (1.10.0) says so only when it writes a page out. The document of a page that was given up before its browser connected is
    made again for the connection, and would send the browser to Panel's own server.
    """
    if pn.state.curdoc is not None:
        pn.state.curdoc.template_variables["dist_url"] = get_dist_path(cdn=False)


def build_board(view_of: Callable[[Hub, Person], BoardView], *extensions: str) -> Any:
    """Build a board for whoever is signed in; without a sign-in it shows nothing but how to sign in.

    Parameters
    ----------
    *extensions : str
        Panel's own that the board needs.
    """
    hub = open_hub()
    pn.extension(*extensions, reconnect=True)
    _from_here()
    try:
        person = session_person(hub.ops)
    except DmsError as error:
        return closed_door(error)
    view = view_of(hub, person)
    pn.config.exception_handler = view.frame.refuse
    view.open(pn.state.session_args)
    view.frame.follow(view.draw)
    return view.page()
