"""Repeated measurements, and what may be concluded from them.

``series`` has the vocabulary, ``comparison`` compares two series by one of the ``methods``,
``study`` compares several sets of runs, and ``checks`` warns about single series. ``runs`` reads
sets of runs from files.
"""
