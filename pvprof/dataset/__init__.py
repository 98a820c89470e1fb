"""The dataset: everything read from one or more recordings, added up.

``load`` makes one from files, ``sides`` are the two sides of a comparison.
"""
