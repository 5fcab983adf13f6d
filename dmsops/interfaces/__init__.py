"""Interfaces: what the neighbours send and what is sent to them, each format in one place.

Comes in: files of the flight operations (recorder files, status files, manifests), of flight dynamics
(ephemerides) and of proposal planning (plans). Goes out: records of ours, and the same formats written,
for the test bed and for answers to the neighbours.

Every format has a ``read_*`` that gives a frozen record or raises `dmsops.core.errors.BadDelivery` naming
file and place, and a ``write_*`` that leaves a whole file or none. Layouts that the observatory has not
published are reconstructions (ours) and say so where they stand.
"""
