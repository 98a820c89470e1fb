"""Write results in one format each; renderers hold no state and do no analysis.

``tables`` holds what ``terminal`` and ``markdown`` share. ``formats`` is the registry: which
format has which name and suffix, and what it is made from.
"""
