"""Reconciling replicas with the registry, routing, and promotion with the engine in every state."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedback.database import Database
from serving.adapter_files import AdapterDamaged, check_unchanged, fingerprint
from serving.engine import EngineClient
from serving.errors import EngineUnavailable, NothingToRollBack, NotLoadable, UnknownModel
from serving.identity import INTERNAL, OPERATOR, Person
from serving.null_adapter import NULL_ADAPTER
from serving.promotion import Promotions
from serving.registry import Registry
from serving.replicas import Replica
from serving.router import Router
from serving.swap import Reconciler
from tests.fake_engine import FakeEngine, served
from tests.serving_kit import BASE, Service, database_in, publish, service, wait_for
from training.adapter import fingerprint as published

ANN = Person("ann")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Site:
    """A reconciler with fake engines, driven by hand."""

    def __init__(self, home: Path, database: Database, engines: list[FakeEngine]) -> None:
        self.home = home
        self.engines = engines
        self.clock = Clock()
        self.registry = Registry(database, BASE)
        self.replicas = [Replica(EngineClient(e.url), cpu=True) for e in engines]
        self.router = Router(self.registry, self.replicas, random.Random(1))
        null = home / "adapters" / "base-null"
        null.mkdir(parents=True)
        self.reconciler = Reconciler(self.registry, self.router, null, clock=self.clock)
        self.promotions = Promotions(self.registry, self.router, self.reconciler)

    async def settle(self) -> None:
        await self.router.refresh()
        for replica in self.replicas:
            await self.reconciler.reconcile(replica)

    async def live(self, responder: str) -> None:
        await self.promotions.promote(responder, reason="r", actor="a", force=True)

    async def aclose(self) -> None:
        for replica in self.replicas:
            await replica.client.aclose()


@pytest.fixture
def engines() -> Iterator[list[FakeEngine]]:
    first, second = FakeEngine(), FakeEngine()
    with served(first.app()) as first.url, served(second.app()) as second.url:
        yield [first, second]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = database_in(tmp_path)
    yield database
    database.dispose()


@pytest.fixture
async def site(tmp_path: Path, database: Database, engines: list[FakeEngine]) -> "Site":
    return Site(tmp_path, database, engines)


async def test_a_replica_is_ready_when_what_is_live_is_in_it(site: Site) -> None:
    name = publish(site.registry, site.home)
    await site.settle()
    assert all(replica.ready for replica in site.replicas)
    assert [set(engine.loaded) for engine in site.engines] == [{NULL_ADAPTER}] * 2
    site.engines[1].broken.add(name)
    with pytest.raises(NotLoadable, match="rank 512"):
        await site.live(name)
    assert site.registry.live() == "rag"
    site.engines[1].broken.clear()
    await site.live(name)
    assert all(name in engine.loaded for engine in site.engines)
    assert site.registry.reports.loaded_everywhere(name)
    await site.aclose()


async def test_a_restarted_engine_gets_everything_back_before_traffic(site: Site) -> None:
    name = publish(site.registry, site.home)
    await site.settle()
    await site.live(name)
    site.engines[0].status = 500
    await site.settle()
    assert not site.replicas[0].ready
    assert all(site.router.pick(name, str(i)).replica is site.replicas[1] for i in range(20))
    site.engines[0].restart()
    site.engines[0].status = None
    await site.settle()
    assert site.replicas[0].ready
    assert set(site.engines[0].loaded) == {NULL_ADAPTER, name}
    await site.aclose()


async def test_a_slow_engine_is_not_a_lost_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.engine_http.HEALTH_SECONDS", 0.05)
    await site.settle()
    site.engines[0].slow = 1.0
    await site.settle()
    assert site.replicas[0].ready
    site.clock.now += 60
    await site.settle()
    assert not site.replicas[0].ready
    await site.aclose()


async def test_a_lost_replica_is_looked_at_less_and_less_often(site: Site) -> None:
    replica, pause = site.replicas[0], site.reconciler._pause
    site.engines[0].status = 500
    await site.settle()
    assert pause(replica) == 1  # it is still starting
    site.engines[0].status = None
    await site.settle()
    site.engines[0].status = 500
    pauses = []
    for _ in range(4):
        await site.settle()
        pauses.append(pause(replica))
    assert pauses == [2, 4, 4, 4]
    site.engines[0].status = None
    await site.settle()
    assert replica.ready
    assert pause(replica) == 1
    await site.aclose()


async def test_an_engine_that_cannot_generate_is_not_ready(site: Site) -> None:
    site.engines[0].failing = True
    site.replicas[0].cpu = False  # no adapter to be probed: the base itself is
    await site.settle()
    assert not site.replicas[0].ready
    site.engines[0].failing = False
    await site.settle()
    assert site.replicas[0].ready
    await site.aclose()


@pytest.mark.parametrize(
    "models",
    [
        b"<html>",
        b"[]",
        b'{"data": 3}',
        b'{"data": [3]}',
        b'{"data": [{"id": 3}]}',
        b'{"data": [{"id": "base", "max_model_len": "long"}]}',
    ],
)
async def test_what_is_no_vllm_is_no_replica(site: Site, models: bytes) -> None:
    site.engines[0].says = ("application/json", models)
    await site.settle()
    assert [replica.ready for replica in site.replicas] == [False, True]
    assert "no vLLM" in site.replicas[0].detail
    site.engines[0].says = None
    await site.settle()
    assert site.replicas[0].ready
    await site.aclose()


async def test_a_restart_between_two_looks_is_noticed(site: Site) -> None:
    name = publish(site.registry, site.home)
    await site.settle()
    await site.live(name)
    site.engines[0].restart()
    await site.settle()
    assert set(site.engines[0].loaded) == {NULL_ADAPTER, name}
    await site.aclose()


async def test_a_damaged_adapter_is_not_loaded(site: Site) -> None:
    name = publish(site.registry, site.home)
    (site.home / "adapters" / name / "adapter_model.safetensors").write_bytes(b"other")
    site.registry.set_candidate(name)
    await site.settle()
    assert all(replica.ready for replica in site.replicas)
    assert "published" in site.replicas[0].detail
    assert name not in site.engines[0].loaded
    (report, _) = site.registry.reports.latest()
    assert "published" in report.detail
    await site.aclose()


@pytest.mark.parametrize("manifest", [None, "{", "[]", '{"fingerprint": "another"}'])
async def test_files_without_their_manifest_are_not_loaded(
    site: Site, manifest: str | None
) -> None:
    name = publish(site.registry, site.home)
    path = site.home / "adapters" / name / "manifest.json"
    path.unlink() if manifest is None else path.write_text(manifest, encoding="utf-8")
    await site.settle()
    with pytest.raises(NotLoadable, match="manifest"):
        await site.live(name)
    assert site.registry.live() == "rag"
    assert name not in site.engines[0].loaded
    await site.aclose()


async def test_what_takes_the_engine_down_is_not_loaded_again_at_once(site: Site) -> None:
    name = publish(site.registry, site.home)
    site.registry.set_candidate(name)
    await site.settle()
    site.engines[0].restart()
    site.engines[0].failing = True  # as if loading had killed it
    await site.settle()
    site.engines[0].failing = False
    await site.settle()
    assert NULL_ADAPTER not in site.replicas[0].loaded
    site.clock.now += 2
    await site.settle()
    assert site.replicas[0].ready
    await site.aclose()


async def test_a_refused_adapter_is_tried_again_later(site: Site) -> None:
    name = publish(site.registry, site.home)
    site.registry.set_candidate(name)
    for engine in site.engines:
        engine.broken.add(name)
    await site.settle()
    for engine in site.engines:
        engine.broken.clear()
    await site.settle()
    assert name not in site.replicas[0].loaded
    site.clock.now += 2
    await site.settle()
    assert name in site.replicas[0].loaded
    assert site.replicas[0].detail == "ready"
    await site.aclose()


async def test_nothing_is_unloaded_under_a_request(site: Site) -> None:
    name = publish(site.registry, site.home)
    site.registry.set_candidate(name)
    await site.settle()
    site.replicas[0].in_flight[name] += 1
    site.registry.set_candidate(None)
    await site.settle()
    assert name not in site.replicas[0].loaded
    assert [name in engine.loaded for engine in site.engines] == [True, False]
    site.replicas[0].in_flight[name] -= 1
    await site.settle()
    assert name not in site.engines[0].loaded
    await site.aclose()


async def test_a_rollback_works_with_every_engine_down(site: Site) -> None:
    name = publish(site.registry, site.home)
    await site.settle()
    await site.live(name)
    for engine in site.engines:
        engine.status = 500
    await site.settle()
    with pytest.raises(EngineUnavailable):
        await site.live(publish(site.registry, site.home))
    deployment = await site.promotions.rollback(reason="r", actor="a")
    assert deployment.responder == "rag"
    with pytest.raises(NothingToRollBack):
        await site.promotions.rollback(reason="r", actor="a")
    await site.aclose()


async def test_a_rollback_loads_what_it_goes_back_to(site: Site) -> None:
    first, second = (publish(site.registry, site.home) for _ in range(2))
    await site.settle()
    await site.live(first)
    await site.live(second)
    assert set(site.engines[0].loaded) == {NULL_ADAPTER, first, second}
    for engine in site.engines:
        engine.loaded.pop(first)
    await site.promotions.rollback(reason="r", actor="a")
    assert first in site.engines[0].loaded
    assert site.router.routes.live == first
    await site.aclose()


async def test_names_that_may_be_asked(site: Site) -> None:
    one, two, hidden = (publish(site.registry, site.home) for _ in range(3))
    await site.settle()
    await site.live(f"{one}+rag")
    site.registry.set_candidate(two)
    await site.settle()
    assert site.router.names(ANN) == ["ratchet", f"{one}+rag", "rag", "base"]
    for boss in (OPERATOR, INTERNAL):
        assert {one, two, f"{two}+rag"} <= set(site.router.names(boss))
        assert hidden not in site.router.names(boss)
    assert site.router.choose("ratchet", ANN, "c") == (f"{one}+rag", False)
    assert site.router.choose(f"{one}+rag", ANN, "c") == (f"{one}+rag", True)
    for name in (one, two, hidden, NULL_ADAPTER, ""):
        with pytest.raises(UnknownModel):
            site.router.choose(name, ANN, "c")
    await site.aclose()


async def test_the_base_is_asked_through_the_null_adapter_on_a_cpu(site: Site) -> None:
    await site.settle()
    assert site.router.pick("base", "c").model == NULL_ADAPTER
    site.replicas[0].cpu = site.replicas[1].cpu = False
    assert site.router.pick("rag", "c").model == "base"
    await site.aclose()


async def test_a_canary_gets_its_share_and_sticks(site: Site) -> None:
    name = publish(site.registry, site.home)
    site.registry.set_canary(name, 0.25)
    await site.settle()
    drawn = [site.router.choose("ratchet", ANN, f"c{i}").responder for i in range(400)]
    assert 60 < drawn.count(name) < 140
    assert drawn == [site.router.choose("ratchet", ANN, f"c{i}").responder for i in range(400)]
    for replica in site.replicas:
        replica.loaded.discard(name)
    assert site.router.choose("ratchet", ANN, f"c{drawn.index(name)}").responder == "rag"
    await site.aclose()


async def test_a_conversation_stays_on_its_replica(site: Site) -> None:
    await site.settle()
    urls = [site.router.pick("rag", f"c{i}").replica.url for i in range(40)]
    assert len(set(urls)) == 2
    assert urls == [site.router.pick("rag", f"c{i}").replica.url for i in range(40)]
    await site.aclose()


async def test_sides_without_a_candidate(site: Site) -> None:
    name = publish(site.registry, site.home)
    await site.settle()
    assert site.router.sides() == ("rag", "rag")
    await site.live(name)
    assert {site.router.sides() for _ in range(30)} == {(name, "rag"), ("rag", name)}
    site.registry.set_candidate(name)
    await site.settle()
    assert set(site.router.sides()) == {name, "rag"}
    await site.aclose()


async def test_a_candidate_stands_in_the_form_of_the_live_one(site: Site) -> None:
    live, candidate = (publish(site.registry, site.home) for _ in range(2))
    await site.settle()
    await site.live(live)
    site.registry.set_candidate(candidate)
    await site.router.refresh()
    assert set(site.router.sides()) == {live, "rag"}
    await site.settle()
    assert set(site.router.sides()) == {live, candidate}
    await site.live(f"{live}+rag")
    assert set(site.router.sides()) == {f"{live}+rag", f"{candidate}+rag"}
    await site.aclose()


async def test_nothing_can_be_routed_before_the_registry_was_read(site: Site) -> None:
    with pytest.raises(EngineUnavailable, match="starting"):
        _ = site.router.routes
    await site.router.refresh()
    assert not site.router.ready()
    await site.settle()
    assert site.router.ready()
    await site.aclose()


def test_a_fingerprint_covers_every_file_but_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = fingerprint(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    assert fingerprint(tmp_path) == first
    (tmp_path / "b").write_text("2")
    assert fingerprint(tmp_path) != first


def test_what_training_publishes_is_what_serving_checks(tmp_path: Path) -> None:
    for name in ("adapter_config.json", "adapter_model.safetensors", "README.md", "manifest.json"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    assert fingerprint(tmp_path) == published(tmp_path)


def test_a_missing_folder_is_said(tmp_path: Path, database: Database) -> None:
    registry = Registry(database, BASE)
    record = registry.adapter(publish(registry, tmp_path, "ratchet-0001"))
    assert record is not None
    check_unchanged(record)
    (tmp_path / "adapters" / "ratchet-0001").rename(tmp_path / "gone")
    with pytest.raises(AdapterDamaged, match="missing"):
        check_unchanged(record)


@pytest.fixture
def live_service(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as made:
        yield made


def test_another_processs_promotion_is_followed(live_service: Service) -> None:
    """The command line and the worker write to the same database."""
    home = live_service.services.config.home
    other = Database(live_service.services.database.url)
    registry = Registry(other, BASE)
    name = publish(registry, home)
    registry.set_candidate(name)
    wait_for(lambda: registry.reports.loaded_everywhere(name))
    registry.promote(name, reason="r", actor="cycle", force=True)
    wait_for(lambda: live_service.chat().json()["model"] == name, 5)
    wait_for(lambda: live_service.http.get("/readyz").json()["live"] == name, 5)
    other.dispose()


def test_operations_over_http(live_service: Service) -> None:
    home = live_service.services.config.home
    name = publish(live_service.registry, home)
    body = {"responder": name, "reason": "r"}
    assert live_service.operator("POST", "/v1/promote", json=body).status_code == 409
    forced = live_service.operator("POST", "/v1/promote", json=body | {"force": True}).json()
    assert (forced["live"], forced["previous"]) == (name, "rag")
    assert forced["deployment"]["actor"] == "operator"
    unknown = body | {"responder": "ratchet-0042"}
    assert live_service.operator("POST", "/v1/promote", json=unknown).status_code == 404
    for wrong in ({"responder": name}, {"responder": name, "reason": " "}, {"reason": "r"}):
        answer = live_service.operator("POST", "/v1/promote", json=wrong)
        assert answer.status_code == 400
        assert set(answer.json()["error"]) == {"message", "type", "code"}
    undo = live_service.operator("POST", "/v1/rollback", json={"reason": "r"})
    assert (undo.json()["live"], undo.json()["previous"]) == ("rag", None)
    undo = live_service.operator("POST", "/v1/rollback", json={"reason": "r"})
    assert undo.status_code == 409
    assert undo.json()["error"]["code"] == "nothing_to_roll_back"
    held = live_service.operator("POST", "/v1/hold", json={"reason": "release week"}).json()
    assert held["held"]["reason"] == "release week"
    assert live_service.registry.held() is not None
    live_service.operator("POST", "/v1/resume", json={"reason": "done"})
    assert live_service.registry.held() is None


def test_health_figures_and_unknown_paths(live_service: Service) -> None:
    http = live_service.http
    assert http.get("/healthz").json() == {"status": "alive"}
    assert http.get("/v1/status").json()["live"] == "rag"
    live_service.chat()
    figures = http.get("/metrics").text
    assert 'ratchet_requests_total{purpose="chat",responder="rag",status="complete"} 1.0' in figures
    assert 'ratchet_live{responder="rag"} 1.0' in figures
    assert live_service.engine.url not in figures
    for method, path in (("GET", "/v1/none"), ("GET", "/none"), ("DELETE", "/healthz")):
        answer = http.request(method, path)
        assert answer.status_code in {404, 405}
        assert set(answer.json()["error"]) == {"message", "type", "code"}
    assert http.post("/v1/hold", content=b"{", headers={"Content-Type": "application/json"})
    listed = http.get("/v1/models").text
    assert "/secret/base" not in listed
    assert http.get("/v1/models/rag").json()["id"] == "rag"
    assert http.get("/v1/models/nobody").status_code == 404


def test_the_description_names_every_call(live_service: Service) -> None:
    paths = live_service.http.get("/openapi.json").json()["paths"]
    assert {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/models",
        "/v1/feedback/votes/{completion_id}",
        "/v1/comparisons",
        "/v1/feedback/comparisons/{comparison_id}",
        "/v1/feedback/corrections/{completion_id}",
        "/v1/completions/{completion_id}/sources",
        "/v1/status",
        "/v1/promote",
        "/v1/rollback",
        "/v1/hold",
        "/v1/resume",
        "/healthz",
        "/readyz",
        "/metrics",
    } <= set(paths)
    chat = paths["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]
    assert chat["schema"]["required"] == ["messages"]
