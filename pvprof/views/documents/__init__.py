"""Documents: what a text says, block by block, for every format of text."""
