"""A recording on disk: the only bridge from the target to the analysis.

``layout`` lists its files, ``open`` reads its three forms, ``write`` writes it. ``manifest`` owns
the facts about a run, ``provenance`` labels them for readers. ``run_set`` owns sets of recordings,
``snapshot`` the data in an HTML report.
"""
