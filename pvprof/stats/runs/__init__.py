"""Read times and other numbers of repeated runs.

``time_output`` reads lines of time(1) and of shells, ``columns`` plain numbers, ``manifests`` the
manifests of recordings, ``hyperfine`` its exports; ``runs`` groups runs into sets; ``read`` is the
entry point.
"""
