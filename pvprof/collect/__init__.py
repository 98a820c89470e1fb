"""The target side: make recordings here, over ssh, or with a script that is carried by hand.

Needs no numpy and no analysis. ``modes`` lists what can be recorded and ``tracers`` by what;
``dtrace`` and ``bpftrace`` write the programs, ``recorder`` packs them into one sh program,
``session`` runs that on a ``target``, and a ``job`` is several such runs.
"""
