"""Write a view in one format each. Renderers hold no state and do no analysis.

``registry`` lists the formats. Each folder writes one family: ``text``, ``data`` (CSV and JSON),
``svg``, ``html``, and ``viewers`` (files for speedscope and Perfetto).
"""
