"""What a comparison comes to: its conclusion in words, and the one table that sums it up.

``words`` has the words of one comparison, ``conclusion`` and ``summary`` those of all of them.
"""
