"""The vocabulary: the types of data in flight, from the parsers to the views.

Owns stacks, keys, weights, profiles, tables of waits and problems. It refuses to know where data
came from (``parse``), what it means (``classify``) or how it is shown (``views``, ``render``).

Conventions, everywhere after the parsers:

* a stack is root first (the parsers turn DTrace's leaf-first order, once, there);
* times are integer nanoseconds, counts are integers; scaling happens when a value is shown;
* a frame never holds ``;``, a control character or a newline, and is never empty.
"""
