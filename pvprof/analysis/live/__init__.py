"""What a live view shows: the intervals of a recorder, and what they add up to."""
