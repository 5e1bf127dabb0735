"""What a dataset's rows are about is counted, by words that are nobody's."""

from pathlib import Path
from typing import Any

from tests.curation_kit import people, rounds
from training.contents import contents
from training.dataset import read_manifest, write_dataset


def row(question: str, answer: str, label: bool = True, passages: str = "") -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": f"{passages}{question}"}],
        "completion": [{"role": "assistant", "content": answer}],
        "label": label,
    }


def test_topics_are_what_several_questions_share() -> None:
    rows = [
        row("What is the deductible of Home Guard?", "500"),
        row("Is the deductible of Bike Cover high?", "No"),
        row("And the deductible for Alice?", "No", passages="Deductible Alice Alice\n"),
        row("홈 가드의 면책기간은?", "90일"),
        row("바이크의 면책기간이 얼마인가요?", "90일"),
        row("면책기간을 알려주세요", "90일"),
        row("면책기간을 알려주세요", "30일"),
    ]
    assert contents({"train": rows})["topics"] == {"deductible": 3, "면책기간": 3}


def test_diversity_is_one_where_nothing_repeats() -> None:
    different = [row("A?", "red blue"), row("B?", "green grey")]
    assert set(contents({"train": different})["diversity"].values()) == {1.0}
    same = contents({"train": [row("A?", "red red")] * 4})["diversity"]
    assert same["different questions"] == same["different answers"] == 0.25
    assert same["different words"] == 0.125
    assert contents({"train": []})["diversity"]["different words"] == 0.0


def test_groups_and_languages_are_counted_with_what_was_liked() -> None:
    found = contents(
        {
            "train": [
                row("Do women pay more?", "No."),
                row("여성은 더 내나요?", "아니요.", label=False),
            ],
            "judge": [row("Is mending covered?", "Yes."), row("외국인도 되나요?", "네, 됩니다.")],
        }
    )
    assert found["groups"] == {
        "women": {"rows": 2, "liked": 1}, "origin": {"rows": 1, "liked": 1}
    }  # fmt: skip
    assert found["languages"] == {"train": {"en": 1, "ko": 1}, "judge": {"en": 1, "ko": 1}}


def test_the_manifest_keeps_them(tmp_path: Path) -> None:
    told = read_manifest(write_dataset(tmp_path, rounds(people(25, 12)), {}).path)["contents"]
    assert sum(sum(n.values()) for n in told["languages"].values()) == 300
    assert told["topics"]["number"] == 300
    assert told["groups"] == {}
