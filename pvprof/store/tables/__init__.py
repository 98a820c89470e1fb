"""The tables of a group: their format; recordings as rows, and recordings made of rows."""
