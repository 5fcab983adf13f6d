"""Engines run steps; state never lives in them. `local` serves one machine."""
