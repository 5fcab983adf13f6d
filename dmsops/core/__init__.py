"""Words that every other part uses: errors, settings, time, names, records, registry, database, journal.

Comes in: nothing of ours. Goes out: the vocabulary. No heavy library is imported here.
"""
