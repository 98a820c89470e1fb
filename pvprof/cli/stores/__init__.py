"""Stores on the command line: ``pvprof store``, and ``--store`` in the place of recordings."""
