"""What the data say: lock tables, stacks, single waits, comparisons.

Computes and returns values. It refuses to read files (``dataset``) and to word results (``views``).
"""
