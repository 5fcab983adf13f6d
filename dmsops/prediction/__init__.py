"""Prediction: which products a visit will give, by level, before anything has arrived, and how that compares with what came.

Comes in: a visit as planned. Goes out: product names by suffix. Verbs: `products.predict`, `products.compare`.
"""
