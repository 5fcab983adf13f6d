"""Distribution: what users and partners get from the archive, and who of them may have it.

Comes in: requests with a token or without, the archive's events, the clock. Goes out: files and refusals (each on record), answers to
queries, notices to subscribers. Verbs: decide (who may have what), grant, subscribe, dispatch, stage. The HTTP forms are in
`dmsops.services`; what is searched is the archive's.
"""
