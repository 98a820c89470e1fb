"""``pvprof top``: a live view, on a terminal or as lines for programs."""
