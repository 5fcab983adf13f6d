"""Data receipt: deliveries of Flight Operations, taken whole or asked for again.

Comes in: a delivery folder (manifest and files). Goes out: released files in the store (name, version, sha256),
an index of what the science files hold, acknowledgements and re-requests to the sender, a quarantine with reasons.
Verbs: preview, accept, withdraw, close_rerequest; of an ephemeris in doubt, ephemeris_acts.accept.

Order of work: manifest in, each file hashed while it is copied into the store, content read, versions given in one
transaction, acknowledged, released. A process may die anywhere; `accept` given again goes on where it stopped.
"""

from dmsops.receipt.accept import accept
from dmsops.receipt.acts import close_rerequest, withdraw
from dmsops.receipt.preview import preview
from dmsops.receipt.queries import FileReceipt, Receipt

__all__ = ["FileReceipt", "Receipt", "accept", "close_rerequest", "preview", "withdraw"]
