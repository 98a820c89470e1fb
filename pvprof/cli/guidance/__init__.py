"""How users find their way: headings in help, suggestions, completion, ``help``, manual pages."""
