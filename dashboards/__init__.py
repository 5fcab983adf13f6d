"""Boards for people: Panel pages that draw what `queries` give and call verbs; they decide nothing.

A board is a script in this folder (``owl.py``) with its view in ``app/<name>_view.py``; its presence is its
registration. ``python -m dashboards.serve`` serves them all, on this machine only, to people of the site.
"""
