"""How fast the time of a regular expression grows with the length of a text."""
