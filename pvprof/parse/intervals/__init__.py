"""Output that is printed interval by interval: divide it, choose intervals, leave out repeats."""
