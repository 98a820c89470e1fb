"""What an output says, as data: titles, notes, columns, sentences, losses.

Owns wording and selection. It refuses to draw, to write files and to read options: ``render`` turns
a view into text, ``cli`` asks for it, and so can a Python program.
"""
