"""A recording on disk: the only bridge from the target to the analysis.

``open`` reads its three forms, ``snapshot`` what an HTML report carries along, ``provenance`` turns
a manifest into labelled lines.
"""
