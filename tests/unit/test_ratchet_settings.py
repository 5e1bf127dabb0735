"""Settings: file, environment, what is refused and how it is said."""

import tomllib
from pathlib import Path

import pytest

from ratchet.settings import Settings, SettingsError, load_settings, setting_names


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_defaults_are_the_contract() -> None:
    settings = load_settings()
    assert (settings.home, settings.host, settings.port) == (Path("data"), "127.0.0.1", 7860)
    assert settings.base_model == "demo/model"
    assert settings.promotion.mode == "auto"
    assert settings.schedule.enabled
    assert settings.database.startswith("sqlite:///")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ratchet.toml").write_text(
        'port = 1111\nhost = "localhost"\n[schedule]\nvotes = 77\n', encoding="utf-8"
    )
    monkeypatch.setenv("RATCHET_PORT", "2222")
    settings = load_settings()
    assert (settings.port, settings.host, settings.schedule.votes) == (2222, "localhost", 77)


@pytest.mark.parametrize(("text", "enabled"), [("off", False), ("on", True), ("0", False)])
def test_the_schedule_switch_keeps_the_rest_of_its_table(
    monkeypatch: pytest.MonkeyPatch, text: str, enabled: bool
) -> None:
    Path("ratchet.toml").write_text("[schedule]\nvotes = 50\n", encoding="utf-8")
    monkeypatch.setenv("RATCHET_SCHEDULE", text)
    schedule = load_settings().schedule
    assert (schedule.enabled, schedule.votes) == (enabled, 50)


def test_an_empty_variable_is_as_if_it_were_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RATCHET_PORT", "RATCHET_SCHEDULE", "RATCHET_PROMOTION__MODE"):
        monkeypatch.setenv(name, "")
    assert load_settings() == Settings()


def test_nested_settings_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_PROMOTION__MODE", "approve")
    assert load_settings().promotion.mode == "approve"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("RATCHET_PORT", "abc", ["port", "abc", "RATCHET_PORT"]),
        ("RATCHET_PORT", "70000", ["port", "70000"]),
        ("RATCHET_PROMOTION__MODE", "maybe", ["promotion.mode", "maybe", "'auto' or 'approve'"]),
        ("RATCHET_SCHEDULE", "perhaps", ["schedule.enabled", "perhaps"]),
        (
            "RATCHET_ENGINE_URL",
            "http://a:1, http://b:1, http://A:1/",
            ["engine_url", "http://a:1 is named more than once", "RATCHET_ENGINE_URL"],
        ),
        ("RATCHET_ENGINE__SILENCE_SECONDS", "0", ["engine.silence_seconds", "'0'"]),
        ("RATCHET_GATE", "strict", ["RATCHET_<TABLE>__<KEY>"]),
    ],
)
def test_a_refused_value_is_named_with_its_key(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: list[str]
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert [word for word in words if word not in str(refused.value)] == []


def test_an_unknown_key_in_the_file_is_refused() -> None:
    Path("ratchet.toml").write_text("[promotion]\nmoed = 'auto'\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"promotion\.moed"):
        load_settings()


def test_a_file_that_is_not_toml_is_refused() -> None:
    Path("ratchet.toml").write_text("port 7860\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="not TOML"):
        load_settings()


def test_judge_shares_must_sum_to_one() -> None:
    with pytest.raises(SettingsError, match="three shares"):
        load_settings(judge={"shares": (0.5, 0.2, 0.2)})


def test_a_secret_comes_from_the_settings_before_its_file(tmp_path: Path) -> None:
    (tmp_path / "operator.token").write_text("from-file\n")
    assert Settings(home=tmp_path).secret("operator.token") == "from-file"
    assert Settings(home=tmp_path, operator_token="given").secret("operator.token") == "given"
    assert Settings(home=tmp_path).secret("cookie.key") == ""


def test_every_setting_has_a_description() -> None:
    silent = [n for n, f in Settings.model_fields.items() if not f.description]
    for name in setting_names():
        table, _, key = name.partition(".")
        if key:
            section = Settings.model_fields[table].annotation
            assert section is not None
            if not section.model_fields[key].description:
                silent.append(name)
    assert not silent


def test_every_shipped_toml_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in sorted(Path(__file__).parents[2].glob("*.toml")):
        if path.name != "pyproject.toml":
            tomllib.loads(path.read_text(encoding="utf-8"))
            monkeypatch.setenv("RATCHET_CONFIG", str(path))
            load_settings()
