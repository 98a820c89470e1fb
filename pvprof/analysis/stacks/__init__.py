"""Stacks: fold them, join those of two threads, and lay them out as the boxes of flame graphs."""
