"""What stands above the table: failures, processes, visits or engines, and the choice between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.app import engines_panel, failure_groups, overview, processes

if TYPE_CHECKING:
    from dashboards.app.hub import Hub
    from dashboards.app.owl_address import Address


def draw(hub: Hub, address: Address, *, whole: bool, acts: bool) -> str:
    """Write the part that the address names; ``whole`` shows all kinds of failure, ``acts`` what an operator can do."""
    snapshot, wanted = hub.snapshot, address.wanted
    counts = {"failures": failure_groups.needing(snapshot.failures), "processes": 0, "visits": 0, "engines": len(snapshot.pauses)}
    paused = {p["scope"]: [engines_panel.target(q) for q in snapshot.pauses if q["scope"] == p["scope"]] for p in snapshot.pauses}
    body = {
        "failures": lambda: failure_groups.draw(snapshot.failures, snapshot.now, whole=whole, acts=acts),
        "processes": lambda: processes.draw_kinds(snapshot.kinds, wanted, paused.get("kind", ()), acts=acts),
        "visits": lambda: processes.draw_flows(hub.flows(wanted.text), wanted, paused.get("workflow", ()), snapshot.now, acts=acts),
        "engines": lambda: engines_panel.draw(snapshot, acts=acts),
    }[address.shown]
    return overview.tabs(counts, address.shown) + body()
