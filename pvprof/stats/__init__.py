"""Repeated measurements, and what may be concluded from them.

``series`` holds the vocabulary, ``comparison`` compares two series under one of the
``assumptions``, ``study`` compares several sets of runs. It reads nothing (``times``) and formats
nothing (``render``).
"""
