"""Stacks: folding them, and laying them out as the boxes of flame graphs."""
