"""Raw text to records: every module here reads one thing and knows nothing of what it means.

``read`` is the way in. It recognises the layout (``sniff``), hands the text to the parser of that
layout (``aggregates``, ``rows``, ``events``, ``folded``, ``native``, ``speedscope``), which names
frames through ``frames`` and ``symbols``, and returns a ``Parsed``. ``spread`` shares large text
out to the cores.
"""
