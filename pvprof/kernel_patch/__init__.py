"""The kernel patches in ``kernel-patches/``, and applying them to a source tree."""
