"""What outputs say of a store: its recordings, and trends over them."""
