"""Data receipt: deliveries of Flight Operations, taken whole or asked for again.

Comes in: a delivery folder (manifest and files). Goes out: released files in the store (name, version, sha256),
an index of what the science files hold, acknowledgements and re-requests to the sender, a quarantine with reasons.
Verbs: preview, accept, withdraw, remind; of re-requests (`dmsops.receipt.decide`): plan, decide; of visits
(`dmsops.receipt.reconcile`): compare, visits, overdue, preview, reconcile, note_overdue, ask_for_status_file; of an
ephemeris in doubt, ephemeris_acts.accept.

Order of work: manifest in, files hashed while they are copied into the store (batches of them synced together), content
read; then versions, release and the acknowledgement in one transaction. A process may die anywhere; `accept` given
again goes on where it stopped.
"""

from dmsops.receipt.accept import accept
from dmsops.receipt.acts import withdraw
from dmsops.receipt.preview import preview
from dmsops.receipt.queries import FileReceipt, Receipt
from dmsops.receipt.requests import Reminded, remind

__all__ = ["FileReceipt", "Receipt", "Reminded", "accept", "preview", "remind", "withdraw"]
