"""Data without the texts that are private: command lines, hosts, users, paths, addresses."""
