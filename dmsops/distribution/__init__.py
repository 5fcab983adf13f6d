"""Distribution: what users and partners get from the archive.

Comes in: the archive's events and products. Goes out: search answers, files, notifications.
The archive writes one event per change of an observation into its outbox; distribution will read them there.
"""
