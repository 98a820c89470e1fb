"""Tables of FreeBSD's lock and counter profilers, as strategies of hypothesis."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import strategies as st

from helpers.foreign.meant import Meant

_WORD = st.text(st.sampled_from("abcXYZ019_-.()[]<>%|=:é"), min_size=1, max_size=12)
_LOCK = st.one_of(
    st.sampled_from(["vm map (user)", "pmap pv list", "Giant", "tcp hash: 4", "x (y:z)"]),
    st.lists(_WORD, min_size=1, max_size=3).map(" ".join),
)
_CLASS = st.sampled_from(["sleep mutex", "spin mutex", "rw", "rm", "sx", "lockmgr"])
_PLACE = st.tuples(
    st.sampled_from(["kern/kern_fork.c", "amd64/amd64/pmap.c", "vm/vm_map.c"]), st.integers(1, 9999)
)
_HEADING = (
    "debug.lock.prof.stats: \n"
    "     max  wait_max       total  wait_total       count    avg wait_avg cnt_hold"
    " cnt_lock name\n"
)


@dataclass(frozen=True, slots=True)
class _Row:
    place: str
    lock_class: str
    name: str
    wait_us: int
    contested: int

    @property
    def text(self) -> str:
        numbers = (94987, 7, 3771185, self.wait_us, 753, 5008, 9, 0, self.contested)
        columns = " ".join(f"{number:>9}" for number in numbers)
        return f"{columns} /usr/src/sys/{self.place} ({self.lock_class}:{self.name})\n"


@st.composite
def lock_profiling(draw: st.DrawFn, has_heading: bool = True) -> Meant:
    """Make the table of LOCK_PROFILING; a row without waits means nothing for the stacks."""
    rows = [
        _Row(f"{file}:{line}", draw(_CLASS), draw(_LOCK), *draw(_WAITS))
        for file, line in draw(st.lists(_PLACE, min_size=1, max_size=8, unique=True))
    ]
    waits: Counter[str] = Counter()
    for row in rows:
        if row.wait_us:
            waits[f"{row.place};{row.name};{row.lock_class}"] += 1000 * row.wait_us
    text = (_HEADING if has_heading else "") + "".join(row.text for row in rows)
    return Meant(text.encode(), "lock-profiling", {"ns": waits} if waits else {})


_WAITS = st.one_of(st.just((0, 0)), st.tuples(st.integers(0, 10**15), st.integers(1, 10**9)))


Chains = dict[tuple[str, ...], int]
_FUNCTION = st.sampled_from(["lock_delay", "a", "b", "std::x", "0xffffffff80c1d2a4", "f.cold"])
_CHAINS = st.dictionaries(
    st.lists(_FUNCTION, min_size=1, max_size=4).map(tuple), st.integers(1, 10**9), min_size=1
)


@st.composite
def call_graphs(draw: st.DrawFn, has_heading: bool = True) -> Meant:
    """Make a call graph of pmcstat, of the kernel's functions only."""
    chains: Chains = draw(_CHAINS)
    # A chain that ends where another goes on gets [pruned] as its caller.
    stacks: Counter[str] = Counter()
    for chain, samples in chains.items():
        goes_on = any(other[: len(chain)] == chain and other != chain for other in chains)
        frames = [*(f"kernel`{name}" for name in chain), *(["[pruned]"] if goes_on else [])]
        stacks[";".join(reversed(frames))] += samples
    total = sum(chains.values())
    heading = f"@ cycles [{total} samples]\n\n" if has_heading else ""
    return Meant(
        (heading + "".join(_lines(chains, total, 0)) + "\n").encode(),
        "pmcstat",
        {"samples": stacks},
    )


def _lines(chains: Chains, total: int, depth: int) -> list[str]:
    found = []
    for name in sorted({chain[0] for chain in chains if chain}):
        inner = {chain[1:]: n for chain, n in chains.items() if chain and chain[0] == name}
        samples = sum(inner.values())
        head = f"{' ' * depth}{100 * samples / total:.2f}%  [{samples}] ".ljust(20)
        image = "" if depth else " @ /boot/kernel/kernel"
        found.append(f"{head}{' ' * depth}{name}{image}\n")
        found += _lines({chain: n for chain, n in inner.items() if chain}, samples, depth + 1)
    return found
