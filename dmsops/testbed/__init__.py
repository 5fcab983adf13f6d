"""The Observatory Test Bed: a simulated observatory that sends what the real one would send.

In: a visit (`dmsops.core.records.Visit`, from an event log or a definition file). Out: a delivery folder (recorder
files, status file, ephemeris, plan, manifest), the truth it was made from beside it, and local calibration references.

Verbs: ``fly.fly`` makes the delivery, ``references.build`` the references, ``faults.list_faults`` names what can go
wrong on the way. Everything here is simulated, and made again bit for bit from the same seed.
"""
