"""What a text is: how much of it each layout explains, and the files of tools that are not read.

``parse.detect`` decides.
"""
