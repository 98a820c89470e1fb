"""Repeated measurements, and what may be concluded from them.

``series`` is the vocabulary, ``comparison`` compares two series by one of the ``methods``,
``study`` compares several sets of runs. ``runs`` reads them from files.
"""
