"""What people said about the answers they were given, kept so that none of it is lost."""
