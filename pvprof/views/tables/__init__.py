"""The tables that text outputs share: a report, a study or a comparison, cell by cell.

``table`` is the vocabulary; each of the other modules makes the tables of one subject.
"""
