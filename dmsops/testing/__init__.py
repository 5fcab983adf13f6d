"""Contracts and small stand-ins for tests, public: subclass `store.StoreContract` for a new storage backend.

Comes in: nothing. Goes out: test classes.
"""
