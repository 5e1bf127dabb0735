"""The knowledge as a LangChain retriever, for chains of the form `retriever | prompt`.

It stands apart from `knowledge.retriever` so that importing that loads no LangChain.
Invariant: a passage survives the way through LangChain's documents unchanged.
"""

from dataclasses import asdict, fields
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from knowledge.chunks import Passage

INDEX_VERSION = "index_version"


class PassageRetriever(BaseRetriever):
    """Finds passages for a question; their version is in the metadata as `index_version`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    knowledge: Any

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        found = self.knowledge.find(query)
        return [
            Document(
                page_content=passage.text,
                id=passage.id,
                metadata={**asdict(passage), INDEX_VERSION: found.version},
            )
            for passage in found.passages
        ]


def passage_of(document: Document) -> Passage:
    """Return the passage that a LangChain document was made from."""
    return Passage(**{field.name: document.metadata[field.name] for field in fields(Passage)})
