"""Text for people: the terminal, Markdown, folded stacks, a printed tree."""
