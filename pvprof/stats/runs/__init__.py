"""Times and other numbers of repeated runs, read from whatever printed them.

``time_output`` knows what time(1) and the shells print, ``columns`` plain numbers, ``manifests``
the manifests of recordings; ``read`` is the entry point.
"""
