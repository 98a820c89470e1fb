"""Code that several tests share: writers of recordings, readers of results."""
