"""Two sides of repeated recordings: what changed, and whether it is proven.

`sides` is the vocabulary, `caveats` what speaks against a conclusion, `measures` which values are
compared, `changes` where in the code, and `study` puts them together. Nothing is read or formatted
here.
"""
