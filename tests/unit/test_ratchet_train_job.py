"""A job file is refused in words before anything is trained."""

from pathlib import Path

import pytest

from ratchet.settings import SettingsError
from ratchet.train_job import run_job_file

GOOD = 'kind = "sft"\nbase_model = "b"\ndataset = "rows"\nout = "checkpoint"\nname = "by-hand"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + 'hyper = { tuning = "prompt" }\n', r"hyper\.tuning = 'prompt': .*'lora' or 'full'"),
        (GOOD + "hyper = { batch = 16, micro_batch = 5 }\n", "micro_batch 5 must divide batch 16"),
        (GOOD + "colour = 1\n", "colour = 1: Extra inputs"),
        (GOOD.replace('kind = "sft"\n', ""), "kind: Field required"),
        (GOOD.replace("sft", "ppo"), "kind = 'ppo'"),
        ("kind = [", "is not TOML"),
        (GOOD, "rows is no dataset: it has no train.jsonl"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "job.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=words) as caught:
        run_job_file(file, lambda share, text: None)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "checkpoint.job").exists()
