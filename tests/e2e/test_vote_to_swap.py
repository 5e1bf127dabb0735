"""The whole story with the real service: people vote, the loop learns, swaps and can go back.

Everything goes through what a user has: `ratchet up`, HTTP with the official OpenAI client, and the
command line. One service for all tests of this file; they build on each other in their order.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from openai import OpenAI

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUESTION = "What is the waiting period of Travel Shield?"
START_SECONDS = 300.0
VOTE_SECONDS = 300.0
CYCLE_SECONDS = 900.0
"""When it hangs; how long it takes is measured in benchmarks/."""
NUMBER = re.compile(r"\d+(?:\.\d+)?")

pytestmark = [
    pytest.mark.vllm,
    # The service's own sockets and children end with it; what the client library leaves is its own.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@dataclass
class Service:
    """A running service and how to reach it."""

    home: Path
    url: str
    process: "subprocess.Popen[str]"
    seconds: float
    """From the command to the address."""
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def client(self) -> OpenAI:
        """OpenAI's own client, as anybody would use it."""
        return OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0)

    def ratchet(self, *words: str, timeout: float = 60.0) -> dict[str, Any]:
        """Run a command with --json and return its object."""
        done = subprocess.run(
            [sys.executable, "-m", "ratchet", *words, "--json"],
            cwd=ROOT,
            env=environment(self.home),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"ratchet {' '.join(words)}: {done.stdout}\n{done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def logs(self) -> str:
        """The end of every log, for a failed assertion."""
        tails = []
        for log in sorted((self.home / "logs").glob("*.log")):
            text = log.read_text(encoding="utf-8", errors="replace")
            tails.append(f"== {log.name}\n{text[-3000:]}")
        return "\n".join(tails)


def environment(home: Path) -> dict[str, str]:
    """The settings of the service and of the commands that speak to it."""
    return {
        **os.environ,
        "RATCHET_HOME": str(home),
        "RATCHET_PORT": "0",
        "RATCHET_SCHEDULE": "off",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("home")
    began = time.monotonic()
    with (home / "up.err").open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ratchet", "up"],
            cwd=ROOT,
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    running = Service(home, "", process, 0.0)
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ratchet is ready:" in line:
                running.url = line.split(": ")[1].strip()
                break
        said = (home / "up.err").read_text(encoding="utf-8")
        assert running.url, f"`ratchet up` did not get ready:\n{said}\n{running.logs()}"
        timer.cancel()
        running.seconds = time.monotonic() - began
        yield running
    finally:
        timer.cancel()
        process.kill() if process.poll() is None else None
        process.wait()
        process.stdout.close() if process.stdout else None


@dataclass
class Crowd:
    """People who keep asking while things change behind the scenes."""

    service: Service
    people: int
    pause: float = 0.0
    """Seconds between an answer and the next question."""
    answers: list[tuple[str, str]] = field(default_factory=list)
    """Responder and text of every answer that came to its end."""
    problems: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Crowd":
        self._threads = [threading.Thread(target=self._ask) for _ in range(self.people)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        client = self.service.client
        while not self._stop.is_set():
            try:
                self._one(client)
            except Exception as err:  # noqa: BLE001 - whatever a person sees is a problem
                self.problems.append(f"{type(err).__name__}: {err}")
            self._stop.wait(self.pause)

    def _one(self, client: OpenAI) -> None:
        stream = client.chat.completions.create(
            model="ratchet",
            stream=True,
            max_tokens=60,
            messages=[{"role": "user", "content": QUESTION}],
        )
        makers, ids, text, finish = set(), set(), "", None
        for chunk in stream:
            makers.add(chunk.model)
            ids.add(chunk.id)
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
        if len(makers) != 1 or len(ids) != 1 or finish not in {"stop", "length"}:
            self.problems.append(f"makers {makers}, ids {ids}, finish {finish}, text {text!r}")
        self.answers.append((makers.pop(), text))


def test_the_service_starts_and_answers_the_openai_client(service: Service) -> None:
    answer = service.client.chat.completions.create(
        model="ratchet", messages=[{"role": "user", "content": QUESTION}]
    )
    assert answer.model == "rag", f"day 0 must be the baseline; up took {service.seconds:.0f} s"
    assert answer.choices[0].message.content
    vote = httpx.put(
        f"{service.url}/v1/feedback/votes/{answer.id}",
        json={"liked": True, "reasons": ["correct"], "comment": "thanks"},
        trust_env=False,
    )
    assert vote.status_code == 200, vote.text
    status = service.ratchet("status")
    assert (status["live"], status["previous"], status["candidate"]) == ("rag", None, None)
    assert status["feedback"]["votes"] == 1
    models = {model.id for model in service.client.models.list()}
    assert {"ratchet", "rag", "base"} <= models


def test_simulated_people_vote(service: Service) -> None:
    began = time.monotonic()
    report = service.ratchet("demo", "vote", timeout=VOTE_SECONDS)
    seconds = time.monotonic() - began
    service.figures["votes"] = report | {"seconds": round(seconds, 1)}
    assert report["votes"] == 300, report
    assert 30 <= report["liked"] <= 270, f"too few of one kind to learn from: {report}"
    assert service.ratchet("status")["feedback"]["votes"] == 301


def test_a_dry_run_says_what_would_be_trained_and_changes_nothing(service: Service) -> None:
    plan = service.ratchet("cycle", "--dry-run")
    assert plan["would_run"], plan
    assert plan["rows"]["train"] > 100, plan
    assert service.ratchet("status")["last_cycle"] is None


def test_a_cycle_trains_proves_and_swaps_while_people_chat(service: Service) -> None:
    began = time.monotonic()
    with Crowd(service, people=2) as crowd:
        cycle = service.ratchet("cycle", timeout=CYCLE_SECONDS)
        if cycle["outcome"] == "pending":  # an unlucky draw of votes: honest, and half as many help
            service.ratchet("demo", "vote", "--votes", "150", "--seed", "2", timeout=VOTE_SECONDS)
            cycle = service.ratchet("cycle", timeout=CYCLE_SECONDS)
    seconds = time.monotonic() - began
    took = {stage["name"]: round(stage["seconds"], 1) for stage in cycle["stages"]}
    figures = f"{seconds:.0f} s in all, by stage {took}; votes {service.figures.get('votes')}"
    gate = json.dumps(cycle["gate"], indent=1)
    assert cycle["outcome"] == "promoted", f"{cycle['reason']}\n{figures}\n{gate}\n{service.logs()}"
    assert cycle["promoted"] in {cycle["adapter"], f"{cycle['adapter']}+rag"}
    assert cycle["dataset"]["hash"]
    assert crowd.problems == [], f"{len(crowd.answers)} answers; {figures}"
    makers = [maker for maker, _ in crowd.answers]
    assert set(makers) <= {"rag", cycle["promoted"]}, makers
    assert makers == sorted(makers, key=lambda m: m != "rag"), f"it went back in between: {makers}"
    service.figures |= {"promoted": cycle["promoted"], "cycle": cycle}
    status = service.ratchet("status")
    assert (status["live"], status["previous"]) == (cycle["promoted"], "rag")


def test_the_readme_shows_what_a_cycle_says(service: Service) -> None:
    shown = re.search(r"\$ \.venv/bin/ratchet cycle\n(.*?)\n\$", README, re.S)
    assert shown
    rows = re.findall(r"^(\w+) +[\d.]+ s +(.*)$", shown[1], re.M)
    stages = service.figures["cycle"]["stages"]
    assert [(name, _shape(what)) for name, what in rows] == [
        (stage["name"], _shape(stage["detail"])) for stage in stages
    ]


def _shape(sentence: str) -> str:
    """A sentence up to its first semicolon, without its figures."""
    return NUMBER.sub("#", sentence.split(";")[0].replace("+rag", ""))


def test_swaps_under_running_streams_cut_and_mix_nothing(service: Service) -> None:
    promoted = service.figures["promoted"]
    took: list[float] = []
    with Crowd(service, people=4) as crowd:
        for swap in range(6):
            time.sleep(1.0)
            body = {"reason": f"swap {swap}"}
            began = time.monotonic()
            path = "rollback" if swap % 2 == 0 else "promote"
            answer = httpx.post(
                f"{service.url}/v1/{path}",
                json=body if path == "rollback" else body | {"responder": promoted},
                headers=operator(service),
                timeout=60,
                trust_env=False,
            )
            took.append(time.monotonic() - began)
            wanted = "rag" if path == "rollback" else promoted
            assert answer.status_code == 200, answer.text
            assert answer.json()["live"] == wanted
            reply = service.client.chat.completions.create(
                model="ratchet", max_tokens=8, messages=[{"role": "user", "content": QUESTION}]
            )
            assert reply.model == wanted, f"swap {swap} was not followed at once"
    figures = f"{len(crowd.answers)} answers, swaps took {[round(t, 3) for t in took]} s"
    assert crowd.problems == [], figures
    assert {maker for maker, _ in crowd.answers} == {"rag", promoted}, figures


def test_a_rollback_goes_to_previous_and_is_in_the_history(service: Service) -> None:
    assert service.ratchet("status")["live"] == service.figures["promoted"]
    after = service.ratchet("rollback", "--reason", "the test is over")
    assert (after["live"], after["previous"]) == ("rag", None)
    refused = httpx.post(
        f"{service.url}/v1/rollback",
        json={"reason": "again"},
        headers=operator(service),
        timeout=30,
        trust_env=False,
    )
    assert refused.status_code == 409, refused.text


def test_an_adapter_leads_back_to_its_votes(service: Service) -> None:
    (adapter,) = service.ratchet("adapters", "list")["adapters"]
    shown = service.ratchet("adapters", "show", adapter["name"])
    assert shown["usable"]
    assert shown["rows"]["counts"]["train"] > 0
    assert {d["responder"] for d in shown["decisions"]} == {
        adapter["name"],
        f"{adapter['name']}+rag",
    }
    replay = service.ratchet("eval", "replay")
    assert replay["same"], replay


def test_killing_it_leaves_nothing_behind(service: Service) -> None:
    family = psutil.Process(service.process.pid).children(recursive=True)
    assert len(family) >= 4, "web, worker, the engine and its core"
    service.process.send_signal(signal.SIGKILL)
    service.process.wait()
    _, alive = psutil.wait_procs(family, timeout=15)
    assert not alive, [(p.pid, p.cmdline()) for p in alive]


def operator(service: Service) -> dict[str, str]:
    """What the command line sends."""
    token = (service.home / "operator.token").read_text(encoding="utf-8").strip()
    return {"Authorization": f"Bearer {token}"}
