"""Chains: the stack of each wait joined with the stack of its waker, or of the lock's owner.

Owns the list of chains, and the error if a recording lacks the data of one. It refuses to join
stacks (``analysis`` does) and to fold them (``views.folded`` does).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.classify.filters import Part
from pvprof.dataset.dataset import Measurement
from pvprof.errors import UsageError
from pvprof.model.profile import Weight
from pvprof.model.stacks import Stack
from pvprof.model.wakeup_sums import NO_WAKER

Chained = tuple[list[Mapping[Stack, Weight]], FoldOptions]
"""The joined stacks of each part, and the options to fold them with."""


def chained(measurement: Measurement, parts: Sequence[Part], options: FoldOptions) -> Chained:
    """Return the stacks of the parts, joined as `options.chain` names it.

    Raises:
        UsageError: the recording lacks what the stacks are to be joined with.
    """
    return _CHAINS[options.chain](measurement, parts, options)


def _waker_chains(measurement: Measurement, parts: Sequence[Part], options: FoldOptions) -> Chained:
    from pvprof.analysis.stacks.chains import join_stacks  # noqa: PLC0415
    from pvprof.analysis.waits.waker_chains import (  # noqa: PLC0415
        EndedWaits,
        chains_of_sums,
        chains_of_waits,
    )
    from pvprof.analysis.wakers import wakeup_sums_of  # noqa: PLC0415

    if not parts:
        return [], options
    if not measurement.has_wakers:
        raise _lacking("wakers")
    if options.chain_depth == 1 or measurement.events is None or measurement.wakeups is None:
        joined = chains_of_sums(wakeup_sums_of(measurement), options)
    else:
        waits = EndedWaits(measurement.events, measurement.wakeups, measurement.runs)
        joined = chains_of_waits(waits, options)
    if options.chain_depth > 1 and measurement.wakeup_sums is not None:
        raise UsageError(
            f"--chain-depth {options.chain_depth}: a page carries no single waits along",
            "use the recordings that it was made from, or --chain-depth 1",
        )
    return join_stacks(joined, parts, options, NO_WAKER)


def _owner_chains(measurement: Measurement, parts: Sequence[Part], options: FoldOptions) -> Chained:
    from pvprof.analysis.stacks.chains import join_stacks  # noqa: PLC0415
    from pvprof.analysis.waits.owner_chains import (  # noqa: PLC0415
        NO_OWNER,
        chains_of_owners,
    )

    if not parts:
        return [], options
    if measurement.events is None:
        raise _lacking("owners")
    joined = chains_of_owners(measurement.events, measurement.runs, options)
    return join_stacks(joined, parts, options, NO_OWNER)


def _lacking(chain: str) -> UsageError:
    """Return the error for a recording without the data that a chain needs."""
    from pvprof.views.tables.details import NEEDS  # noqa: PLC0415 (imports all tables)

    reason, hint = NEEDS[chain]
    return UsageError(f"--chain {chain}: {reason}", hint)


_CHAINS: dict[str, Callable[[Measurement, Sequence[Part], FoldOptions], Chained]] = {
    "wakers": _waker_chains,
    "owners": _owner_chains,
}
"""The functions that join stacks, by the name of the chain."""

CHAINS = tuple(_CHAINS)
"""The names of the chains."""
