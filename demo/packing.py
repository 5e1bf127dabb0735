"""Sheets to rows of tokens, each branch seeing its sheet's prefix and itself only.

A branch's positions go on behind the prefix, so a row gives exactly the loss that its
conversations would give one by one, while the passages are read once for all of their questions.
Invariant: no token attends to another sheet, to a sibling branch or to the future.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from demo.model_data import Sheet

IGNORED = -100
Encode = Callable[[str], list[int]]


@dataclass
class Row:
    """Parallel lists, one entry a token."""

    tokens: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    """The next token where it is to be learned, else IGNORED."""
    positions: list[int] = field(default_factory=list)
    sheets: list[int] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    """0 for a prefix, else the branch's number."""

    def add(self, sheet: "TokenSheet", number: int) -> None:
        """Append a sheet."""
        start = len(sheet.prefix)
        self._extend(sheet.prefix, [IGNORED] * start, 0, number, 0)
        for branch, (tokens, learned_from) in enumerate(sheet.branches, start=1):
            targets = [IGNORED] * len(tokens)
            for at in range(max(learned_from, 1), len(tokens)):
                targets[at - 1] = tokens[at]
            self._extend(tokens, targets, start, number, branch)

    def pad(self, length: int) -> None:
        """Fill up with tokens that nothing is learned from; each is a sheet of its own."""
        for number in range(len(self.tokens), length):
            self._extend([0], [IGNORED], 0, -1 - number, 0)

    def _extend(
        self, tokens: Sequence[int], targets: Sequence[int], start: int, sheet: int, branch: int
    ) -> None:
        self.tokens += tokens
        self.targets += targets
        self.positions += range(start, start + len(tokens))
        self.sheets += [sheet] * len(tokens)
        self.branches += [branch] * len(tokens)


@dataclass(frozen=True)
class TokenSheet:
    """A sheet in tokens; a branch is its tokens and where the answer begins in them."""

    prefix: list[int]
    branches: list[tuple[list[int], int]]

    def __len__(self) -> int:
        return len(self.prefix) + sum(len(tokens) for tokens, _ in self.branches)


def tokenised(sheet: Sheet, encode: Encode, end: int) -> TokenSheet:
    """Encode a sheet; every answer ends in the token `end`."""
    branches = []
    for branch in sheet.branches:
        asked = encode(branch.question) if branch.question else []
        branches.append(([*asked, *encode(branch.answer), end], len(asked)))
    return TokenSheet(encode(sheet.prefix) if sheet.prefix else [], branches)


def cut(sheet: TokenSheet, length: int) -> TokenSheet:
    """Leave out the last branches until the sheet fits into `length` tokens."""
    branches = list(sheet.branches)
    room = length - len(sheet.prefix)
    while sum(len(tokens) for tokens, _ in branches) > room:
        branches.pop()
    return TokenSheet(sheet.prefix, branches)


def rows(sheets: Iterator[TokenSheet], length: int, waiting: int = 6) -> Iterator[Row]:
    """Pack sheets into rows of `length` tokens; up to `waiting` rows are open at a time."""
    open_rows: list[Row] = []
    for number, whole in enumerate(sheets):
        sheet = cut(whole, length)
        fitting = [row for row in open_rows if len(row.tokens) + len(sheet) <= length]
        if fitting:
            row = max(fitting, key=lambda r: len(r.tokens))
        else:
            row = Row()
            open_rows.append(row)
        row.add(sheet, number)
        if len(open_rows) > waiting:
            fullest = max(open_rows, key=lambda r: len(r.tokens))
            open_rows.remove(fullest)
            fullest.pad(length)
            yield fullest
