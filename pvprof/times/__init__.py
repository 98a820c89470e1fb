"""Times and other numbers of repeated runs, read from whatever printed them.

``lines`` knows what time(1) and the shells print, ``columns`` plain numbers, ``recorded`` the
manifests of recordings; ``read`` is the way in.
"""
