"""Two sides of repeated recordings: what changed, and whether it is proven.

``basis`` says what values are taken per, ``caveats`` what makes a comparison doubtful, ``measures``
which values are compared, ``code_changes`` where in the code they changed, ``systems`` what means
the same on two operating systems; ``compare`` puts them together.
"""
