"""The tables that text outputs share: what a report, a study or a comparison says, cell by cell.

``table`` is the vocabulary; the other modules each make the tables of one subject.
"""
