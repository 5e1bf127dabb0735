"""Why a file's text cannot be had, in words that end with what to do.

Invariant: the message is about the file alone; whoever reports it puts the file's name in front.
"""


class Unreadable(Exception):
    """This file becomes no document."""
