"""The contract with the training child: a job goes in as JSON, progress and a result come out.

Everything a recipe can be asked for is checked here, without torch, so that a setting that the
engine would refuse later is refused when it is written down.

Invariant: a job says everything that decides its result; the same job in the same environment
trains the same adapter.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

Kind = Literal["kto", "dpo", "sft", "reward"]
JOB = "job.json"
RESULT = "result.json"
LOG = "log.txt"
DPO_FROM = 200
"""Pairs from which DPO is worth it: fewer say less than the same answers as single votes."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LoraSettings(_Strict):
    """A LoRA adapter as the engine can serve it: plain, no bias, no DoRA, no saved modules."""

    r: Annotated[int, Field(ge=1, le=512)] = 16
    alpha: Annotated[int, Field(ge=1)] = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: str | list[str] = "all-linear"
    rslora: bool = False


class TrainerSettings(_Strict):
    """What every recipe with a trainer has in common."""

    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    epochs: Annotated[int, Field(ge=1)] = 3
    batch: Annotated[int, Field(ge=2)] = 16
    """Rows of one optimizer step."""
    micro_batch: Annotated[int, Field(ge=2)] = 16
    """Rows computed at once: smaller needs less memory."""
    warmup_steps: Annotated[int, Field(ge=0)] = 5
    max_length: Annotated[int, Field(ge=16)] = 1024
    """Tokens of prompt and answer. A longer prompt drops its row, a longer answer is cut."""
    looks: Annotated[int, Field(ge=1)] = 2
    """How often an epoch is measured on held-out rows."""
    gradient_checkpointing: bool = False
    lora: LoraSettings = LoraSettings()

    @field_validator("micro_batch")
    @classmethod
    def _divides(cls, value: int, info: Any) -> int:
        batch = info.data.get("batch", value)
        if batch % value:
            raise ValueError(f"micro_batch {value} must divide batch {batch}")
        return value


class PreferenceSettings(TrainerSettings):
    """What KTO and DPO have in common."""

    beta: Annotated[float, Field(gt=0)] = 0.5


class KtoSettings(PreferenceSettings):
    """KTO on single answers."""

    balance: Annotated[float, Field(ge=1, le=4 / 3)] = 1.15
    """Weight of liked to disliked rows; KTO wants it between 1 and 4/3."""


class DpoSettings(PreferenceSettings):
    """DPO on pairs, with a term that keeps the better answer likely."""

    sft_weight: Annotated[float, Field(ge=0)] = 0.2
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """How often a choice is turned by chance; above 0 the loss allows for it (`robust`)."""


class SftSettings(TrainerSettings):
    """Supervised fine-tuning on answers as they should be."""

    tuning: Literal["lora", "full"] = "lora"
    """`full` moves every weight: its checkpoint is a base model of its own, never swapped in."""


class RewardSettings(_Strict):
    """The judge."""

    max_length: Annotated[int, Field(ge=16)] = 512
    folds: Annotated[int, Field(ge=2)] = 5
    """Parts of the judge's votes, by question, over which its strength of shrinking is chosen."""


SETTINGS: dict[Kind, type[_Strict]] = {
    "kto": KtoSettings,
    "dpo": DpoSettings,
    "sft": SftSettings,
    "reward": RewardSettings,
}


class Job(_Strict):
    """One run of a recipe."""

    kind: Kind
    base_model: str
    """A local folder, or a name that the model hub knows."""
    dataset: Path
    out: Path
    """The folder that the checkpoint is written to; it is renamed into place when complete."""
    name: str
    seed: int = 0
    hyper: dict[str, Any] = {}
    """Settings of the recipe that differ from its defaults."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """CPU threads; None: as many as there are."""

    @property
    def fingerprint(self) -> str:
        """Return the hash of everything that decides the result."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @field_validator("hyper")
    @classmethod
    def _known(cls, hyper: dict[str, Any], info: Any) -> dict[str, Any]:
        kind = info.data.get("kind")
        if kind is not None:
            SETTINGS[kind].model_validate(hyper)
        return hyper


class RowCounts(_Strict):
    """What became of a dataset's rows once they were tokens."""

    train: int
    heldout: int = 0
    liked: int = 0
    disliked: int = 0
    dropped: int = 0
    """Their prompt alone fills `max_length`."""
    cut: int = 0
    """Their answer was cut at `max_length`, its end with it."""
    longest: int = 0
    """Tokens of the longest row, before cutting."""


class Look(_Strict):
    """One measurement on held-out rows."""

    step: int
    loss: float
    """SFT: mean negative log-probability of an answer's token."""
    value: float
    """What early stopping goes by: mean sigmoid of the liked answers' log-ratios; SFT: -loss."""
    accuracy: float
    """How often a liked answer's reward exceeds a disliked one's; SFT: how often the token that
    comes next is the likeliest."""
    liked: float | None = None
    """Mean log-ratio of liked answers to the base."""
    disliked: float | None = None


class JobResult(_Strict):
    """What a finished job leaves behind."""

    kind: Kind
    name: str
    job: str
    """Hash of the job that this is the result of."""
    checkpoint: Path
    seconds: float
    steps: int = 0
    best_step: int = 0
    rows: RowCounts
    curve: list[tuple[int, float]] = []
    """Training loss by step."""
    heldout: list[Look] = []
    metrics: dict[str, float] = {}
    check_scores: list[float] = []
    """Judge: its probability of being liked for every row of `check.jsonl`, in order."""
    check_labels: list[bool] = []
    device: str = "cpu"
    dtype: str = "float32"
    versions: dict[str, str] = {}


class Progress(_Strict):
    """One line of the child's output."""

    stage: Literal["load", "prepare", "train", "heldout", "save", "score"]
    step: int = 0
    steps: int = 0
    percent: float = 0.0
    loss: float | None = None
    metrics: dict[str, float] = {}


PROGRESS: TypeAdapter[Progress] = TypeAdapter(Progress)


def choose_method(n_pairs: int, n_votes: int) -> Literal["kto", "dpo"]:
    """Choose KTO for thumbs and for everything mixed, DPO when most of what was said are pairs.

    A pair judges two answers, so up to twice as many votes as pairs still leave the pairs in the
    majority; above that DPO would throw most of the feedback away.
    """
    return "dpo" if n_pairs >= DPO_FROM and n_votes <= 2 * n_pairs else "kto"
