"""What several tests share: writers of recordings, readers of results."""
