"""Write-once, content-addressed storage: one contract (`base.Store`), several backends.

Comes in: files. Goes out: sha256 names and read-only paths. Verbs: put, path, verify.
"""
