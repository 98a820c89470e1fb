"""What single waits tell beyond their sums, where a recording has them.

``overlap`` says how they lie in time, ``objects`` for which lock objects they were, ``owners`` who
held those, ``wakers`` who ended them; ``chains`` joins stacks of two threads. All work on columns
of integers (`model.waits.WaitTable`).
"""
