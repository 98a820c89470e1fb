"""The fuzzer: damaged and hostile inputs for everything that pvprof reads, and what must hold.

``scripts/fuzz`` runs it; `test_fuzz` runs a short fixed set.

::

    seeds of a target --mutations--> an input --outputs, by turns--> a result --checks--> failures
         (fixtures)                                                               (kept, shortened)

Everything is determined by the numbers of the run and of the input, so that any input can be made
again: a worker that was killed leaves no more than its number.
"""
