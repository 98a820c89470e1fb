"""Compare two sides of repeated recordings: what changed, and whether it is proven.

``basis`` has what values are divided by, ``conditions`` what all runs have in common, ``caveats``
what makes a comparison doubtful, ``measures`` the values that are compared, ``identities`` and
``callers`` what a lock is and who waits for it, ``code_changes`` the changes in the code,
``systems`` what two operating systems have in common; ``compare`` puts them together.
"""
