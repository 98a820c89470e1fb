"""Raw text to records: every module reads one thing and knows nothing of what it means.

``read`` is the entry point. It detects the layout (``detect``), gives the text to that layout's
reader, and returns a ``ParseResult`` (``result``). ``parallel`` splits large texts over the cores,
``window`` cuts a recording in time. Readers live in ``native`` (pvprof's own grammar), ``dtrace``,
``freebsd``, ``linux`` and ``files``; ``text`` has what they share.
"""
