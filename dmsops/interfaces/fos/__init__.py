"""Flight operations (FOS): recorder files, Observatory Status Files, delivery manifests and the answers to them.

Verbs: `packets` (science and engineering recorder files), `osf` (status files), `manifest` (deliveries,
acknowledgements, re-requests). All layouts are ours; docs/reference/packets.md and osf.md describe them.
"""
