"""Plain texts: Alpaca's instructions, and the prompt and completion of models without messages.

Alpaca's shape is that of `alpaca_data.json` (tatsu-lab/stanford_alpaca, README): instruction, input
and output, in one JSON array. The classic one follows OpenAI's guide for base models: a fixed
separator ends the prompt and stands nowhere else, the completion begins with a space and ends in a
fixed stop.
"""

from feedback.formats.shape import Format, Part, Row, Unfit
from feedback.formats.turns import spoken, transcript

SEPARATOR = "\n\n###\n\n"
STOP = " END"


def _alpaca(row: Row) -> Row:
    """Write the last question as the instruction, and all that came before it as its input."""
    *prompt, answer = row["messages"]
    system, turns = spoken(prompt)
    before = [text for text in (system, transcript(turns[:-1])) if text]
    return {
        "instruction": turns[-1]["content"],
        "input": "\n\n".join(before),
        "output": answer["content"],
    }


def _prompt_completion(row: Row) -> Row:
    """Write a single question as it is, several turns as a transcript."""
    *prompt, answer = row["messages"]
    system, turns = spoken(prompt)
    asked = turns[0]["content"] if len(turns) == 1 else transcript(turns) + "\nAssistant:"
    text = "\n\n".join(part for part in (system, asked) if part)
    if SEPARATOR in text or STOP in answer["content"]:
        raise Unfit("the separator or the stop stands in the text itself")
    return {"prompt": text + SEPARATOR, "completion": f" {answer['content'].lstrip()}{STOP}"}


FORMATS = {
    "alpaca": Format(
        "Alpaca: instruction, input, output",
        (Part("alpaca.json", "sft", _alpaca, "array"),),
    ),
    "prompt-completion": Format(
        "Classic prompt and completion, with separator, leading space and stop",
        (Part("prompt-completion.jsonl", "sft", _prompt_completion),),
    ),
}
