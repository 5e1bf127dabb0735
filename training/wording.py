"""What an answer's words give away: that it has no answer, or that it was written from passages.

Invariant: patterns for Korean and English; whatever they overlook is trained on as if it were a
plain answer.
"""

import re

_ABSENCE = re.compile(
    r"can(?:no|')t (?:find|answer|help|say|tell|provide)|could(?: not|n't) find|do(?: not|n't) know"
    r"|not (?:in|mentioned in|stated in|found in|part of) the (?:passages?|documents?|context)"
    r"|(?:passages?|documents?|context) (?:do|does|did)(?: not|n't)|no (?:information|mention)"
    r"|can only answer|unable to|I am sorry|I'm sorry"
    r"|찾을 수 없|알 수 없|답할 수 없|답변할 수 없|확인할 수 없"
    r"|확인되지 않|나와 있지 않|언급되지 않|질문에만 답|도와드릴 수 없|죄송",
    re.IGNORECASE,
)
_OF_PASSAGES = re.compile(
    r"\b(?:passages?|(?:provided|given|above) (?:documents?|context|text))\b"
    r"|제시된|제공된 (?:문서|내용|자료)|지문",
    re.IGNORECASE,
)


def admits_absence(text: str) -> bool:
    """Say whether an answer says that it has no answer, or refuses to give one."""
    return bool(_ABSENCE.search(text))


def speaks_of_passages(text: str) -> bool:
    """Say whether an answer speaks of the passages that it was written from."""
    return bool(_OF_PASSAGES.search(text))
