"""pvprof: off-CPU and lock profiling for FreeBSD kernel developers.

``docs/architecture.md`` draws the package on one page: which module answers which question, and
which way the data flows. Nothing is imported here, so that ``pvprof --help`` starts at once.
"""

__version__ = "0.1.0"
