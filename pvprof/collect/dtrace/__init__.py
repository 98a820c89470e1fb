"""D programs: what runs on a FreeBSD target.

``syntax`` writes D, ``builders`` measure, and ``programs`` puts one program together.
``parse.native`` reads the grammar that every program prints (docs/layouts.md).
"""
