"""What can go wrong with documents and their index.

    KnowledgeError
    ├── UnreadableDocument   a file that cannot become a document
    ├── DocumentConflict     a name that already belongs to another document
    ├── UnknownDocument      a name that the library does not hold
    └── NoIndex              nothing was built yet, or it was built with another embedder

Invariant: every message names the thing, the bad value and what to do.
"""


class KnowledgeError(Exception):
    """Anything that documents, their index or a search can fail with."""


class UnreadableDocument(KnowledgeError):
    """The file is of a kind that is not read here, is empty or is not UTF-8."""


class DocumentConflict(KnowledgeError):
    """Adding the file would silently replace another document."""


class UnknownDocument(KnowledgeError):
    """No document of that name is in the library."""


class NoIndex(KnowledgeError):
    """There is no index that this reader can use."""
