"""Hypothesis strategies for stacks, keys and rows of a profile; how many examples to try."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import stack_of


def examples(share: float) -> settings:
    """Return settings for `share` times the number of examples that the profile has.

    For tests whose examples cost more or less than usual. A fixed number would be the same in the
    profile ``thorough`` of conftest.py.
    """
    return settings(max_examples=max(1, round(share * settings().max_examples)))


# A regular expression takes three times as long to make examples from.
functions = st.text("abkrz_.09", min_size=1, max_size=12).map(lambda text: f"f{text}")
kernel_frames = functions.map(lambda name: f"kernel`{name}")
stacks = st.lists(kernel_frames, min_size=1, max_size=6)
mechanisms = st.sampled_from(["turnstile", "sleepq", "rw-spin", "adaptive-block", "", "on-cpu"])
wait_names = st.sampled_from(["pmap pv list", "vm object", "wait", "uwait", "biord", "-", "new"])
keys = st.builds(Key, mechanisms, wait_names, st.sampled_from(["", "sh", "cc"]))
weights = st.builds(Weight, st.integers(0, 1 << 50), st.integers(0, 99), st.integers(1, 9))
rows = st.lists(st.tuples(keys, stacks.map(stack_of), weights), max_size=15)
"""Rows (key, stack, weight) of a profile."""
wait_rows = st.lists(
    st.tuples(st.integers(70, 73), st.integers(0, 60), st.integers(0, 20), st.integers(0, 3)),
    min_size=1,
    max_size=25,
)
"""Rows (tid, start, wait, number of the stack) of single waits; those of one thread may overlap."""

any_text = st.text(st.characters(exclude_categories=()), max_size=20)
"""Texts of all characters, lone surrogates too."""
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(any_text, values, max_size=3),
    max_leaves=8,
)
"""Any JSON value but NaN, which equals nothing."""
