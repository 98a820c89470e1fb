"""What single waits tell beyond their sums, where a recording has them (``events``).

`overlap` says how they lie in time, `objects` which lock objects they were for, `owners` who held
those; `threads` looks a thread's waits up. All work on columns of integers (`model.Events`).
"""
