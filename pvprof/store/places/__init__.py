"""Where stores are: in a folder of this machine, or behind a URL that fsspec knows."""
