"""Text: the terminal, Markdown, folded stacks, a printed tree."""
