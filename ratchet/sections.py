"""The tables of `ratchet.toml`, one class each; `ratchet/settings.py` reads them.

Invariant: every field has its default and one sentence about it, which the documentation repeats.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Section(BaseModel):
    """One table of `ratchet.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Schedule(Section):
    """When a cycle starts by itself."""

    enabled: bool = True
    """`RATCHET_SCHEDULE=on|off`. Off: no cycle, no rollback by itself; requests still run."""
    check_seconds: float = Field(default=30.0, gt=0)
    """How often the votes are counted and what is live is watched."""
    votes: int = Field(default=200, ge=1)
    """So much new feedback starts a cycle; after `pending` half of it does."""
    settle_seconds: float = Field(default=10.0, ge=0)
    """A cycle that is due waits for a pause between votes as long as this, four checks at most."""
    cron: str = ""
    """A second way to start, in crontab's five fields and UTC, e.g. `0 3 * * *`. Empty: none."""


class Promotion(Section):
    """What happens when a candidate passes the gate."""

    mode: Literal["auto", "approve"] = "auto"
    """`auto` promotes; `approve` leaves the cycle `awaiting` until an operator promotes."""
    wait_seconds: float = Field(default=60.0, gt=0)
    """How long web may take to load and probe the winner."""
    baseline: Literal["rag", "agent"] = "rag"
    """Whom a candidate must beat beside live; `agent` needs `engine.tool_parser`."""


class Feedback(Section):
    """Whose words may train."""

    consent: Literal["off", "ask", "required"] = "ask"
    """`ask`: the chat asks; `required`: only a yes trains; `off`: no question. A no is a no."""
    consent_version: str = Field(default="1", min_length=1, max_length=64)
    """Of the text that is agreed to; another one has the chat ask everybody again."""


class Training(Section):
    """How an adapter is trained. Every cycle trains a fresh one from the base."""

    max_rows: int = Field(default=5000, ge=100)
    """The newest eligible rows, at most so many."""
    per_person_share: float = Field(default=0.05, gt=0, le=1)
    """No person is more than this share of a round; where people are few, than two fair shares."""
    per_block_share: float = Field(default=0.05, gt=0, le=1)
    """Nor are all people together who came by cookie alone from one address block."""
    longest_answer: int = Field(default=8000, ge=100)
    """Characters; longer answers are left out: training would cut them, their end with it."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Empty: chosen by the base model's size (tiny demo 1.5e-3, real models 5e-6)."""
    epochs: int | None = Field(default=None, ge=1)
    """Empty: the recipe's own."""
    hyper: dict[str, Any] = {}
    """Any other setting of the recipe (`training/job.py`), e.g. `{ beta = 0.2 }`."""
    threads: int = Field(default=0, ge=0)
    """CPU threads of the training child; 0: as many as there are cores."""
    mask_personal: bool = True
    """Personal data is masked (`[EMAIL_1]`) before anything is trained or judged with."""
    seed: int = 1
    """Fixes the split, the order and the initial weights."""


class Judge(Section):
    """The reward model that compares answers when people's votes are too few to decide."""

    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    """Shares of the people whose votes train the adapter, fit the judge and check the judge."""
    min_accuracy: float = Field(default=0.6, gt=0.5, lt=1)
    """The judge counts only if the lower bound of its balanced accuracy on `check` exceeds this."""

    @field_validator("shares")
    @classmethod
    def _sum_to_one(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if abs(sum(shares) - 1) > 1e-6 or min(shares) <= 0:
            raise ValueError("three shares above 0 that sum to 1 are needed, e.g. [0.6, 0.2, 0.2]")
        return shares


class Evidence(Section):
    """Below this much feedback a cycle is `skipped`: nothing trained on it could be judged."""

    votes: int = Field(default=100, ge=1)
    """Votes at least."""
    rarer: int = Field(default=30, ge=1)
    """Votes of the rarer kind (liked or disliked) at least."""


class Evaluation(Section):
    """How much is asked before the gate decides."""

    suite: str = "demo/suite.jsonl"
    """Reference questions that votes cannot move; JSON lines, relative to here or to the code."""
    prompts: int = Field(default=300, ge=8)
    """Comparisons at most per opponent."""
    round_size: int = Field(default=24, ge=4)
    """Comparisons per round; after each the evaluation stops if it can tell."""
    streams: int = Field(default=16, ge=1)
    """Requests in flight. The engine answers people first."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest answer; empty: by the base model's size (tiny demo 96, real models 1024)."""
    temperature: float | None = Field(default=None, ge=0)
    """For comparisons; empty: what people get, the model's generation_config."""
    load_seconds: float = Field(default=120.0, gt=0)
    """How long web may take to load and probe the candidate."""


class Gate(Section):
    """The rule that a candidate must pass."""

    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Share of promotions that may be false, dealt out over the gates by e-LOND."""
    reject_level: float = Field(default=0.05, gt=0, lt=1)
    """Error of saying that a candidate is surely less liked."""
    reference_margin: float = Field(default=0.05, gt=0, lt=1)
    """How much lower the share of right reference answers may be, at most."""
    reference_confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """How sure the gate must be of that."""
    max_failed_share: float = Field(default=0.05, ge=0, lt=1)
    """With more failed requests than this the evidence says nothing."""


class Limits(Section):
    """What one person may ask for; trusted callers and operators have no limits but the body's."""

    requests_per_minute: int = Field(default=60, ge=1)
    """Answers that a person may ask for in a minute; above: 429 with `Retry-After`."""
    answers: int = Field(default=8, ge=4)
    """Answers that may run for a person at once; a blind pair is two, a ranking up to four."""
    shared: int = Field(default=10, ge=1)
    """So many times as much for a key, and for all cookies of an IPv4 /24 or IPv6 /56 together."""
    body_bytes: int = Field(default=4 * 2**20, ge=2**10)
    """Longest body of a request; above: 413."""


class Documents(Section):
    """How documents are read; what one file may cost, and how passages are cut."""

    max_mb: float = Field(default=200.0, gt=0)
    """Largest file; of a DOCX also its size unpacked."""
    max_pages: int = Field(default=2000, ge=1)
    """Most pages of a PDF."""
    max_chars: int = Field(default=20_000_000, ge=1000)
    """Longest text that a file may give."""
    file_seconds: float = Field(default=3600.0, gt=0)
    """Longest time for a file; scanned pages that were read by then are kept for the next try."""
    page_seconds: float = Field(default=90.0, gt=0)
    """Longest time for a page."""
    memory_mb: int = Field(default=4096, ge=512)
    """Address space of the process that reads a file."""
    ocr: bool = True
    """Pages that are pictures are read by Tesseract; off: they are left out, and that is said."""
    ocr_languages: str = "kor,eng"
    """Tesseract's languages, by commas; each page is read in the one that is surest."""
    ocr_dpi: int = Field(default=300, ge=100, le=600)
    """Resolution at which scanned pages are read."""
    ocr_threads: int = Field(default=0, ge=0)
    """Scanned pages that are read at once; 0: as many as there are cores."""
    passage_tokens: int = Field(default=400, ge=50)
    """Longest passage in the base's tokens; a longer article becomes several, cited alike."""


class Retention(Section):
    """How long what was said is kept."""

    text_days: float = Field(default=0.0, ge=0)
    """Texts of answers that nobody judged go when they are so many days old; 0: never."""


class Watch(Section):
    """When what was promoted is taken back."""

    seconds: float = Field(default=604800.0, gt=0)
    """How long after a promotion the votes before and after are compared."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Chance of a rollback when nothing got worse."""
    margin: float = Field(default=0.0, ge=0, lt=1)
    """How much lower the liked rate may be before that counts as worse."""


class Engine(Section):
    """The local vLLM that `ratchet up` starts; without effect when `engine_url` is set."""

    max_lora_rank: Literal[8, 16, 32, 64, 128] | None = None
    """Largest rank of an adapter; empty: by the base model's size (tiny demo 8, real models 32)."""
    max_loras: int = Field(default=4, ge=2)
    """Different adapters in one batch: live, previous, candidate and, on CPU, the null adapter."""
    max_model_len: int | None = None
    """Longest prompt plus answer in tokens; empty: the model's own."""
    gpu_memory: float = Field(default=0.5, gt=0, lt=1)
    """Share of the GPU's memory for the engine; the rest is for training on the same GPU."""
    cpu_threads: int = Field(default=0, ge=0)
    """Cores that it computes on where there is no GPU; 0: one for a tiny base, else all but one."""
    start_seconds: float = Field(default=600.0, gt=0)
    """How long the engine may take to come up."""
    silence_seconds: float = Field(default=120.0, gt=0)
    """How long it may say nothing in a stream that has begun; then the answer counts as cut."""
    tool_parser: str = ""
    """vLLM's parser of tool calls, e.g. `hermes`, for `agent`; empty: the demo's, else `none`."""
