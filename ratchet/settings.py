"""What the operator can set: `ratchet.toml`, and `RATCHET_*` variables that win over it.

Both are read once, here, when a process starts. Invariant: a value that is refused is named with
its key, the value and what would be right; an unknown key in the file is refused, never ignored.
Nested keys are set in the environment with two underscores: `RATCHET_PROMOTION__MODE=approve`.
"""

import os
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from ratchet.sections import (
    Documents,
    Engine,
    Evaluation,
    Evidence,
    Feedback,
    Gate,
    Judge,
    Limits,
    Promotion,
    Retention,
    Schedule,
    Section,
    Training,
    Watch,
)

CHECKOUT = Path(__file__).resolve().parents[1]
"""Where the code lies: relative paths that do not exist here are looked up there."""
CONFIG_FILE = "ratchet.toml"


SecretName = Literal["operator.token", "internal.key", "cookie.key"]


class SettingsError(Exception):
    """A setting was refused; the message names the key, the value and the fix."""


class _Environment(EnvSettingsSource):
    """The environment, where `RATCHET_SCHEDULE=off` is short for `[schedule] enabled = false`."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        if field_name == "schedule" and isinstance(value, str) and not value.startswith("{"):
            return {"enabled": value}
        return super().decode_complex_value(field_name, field, value)


class Settings(BaseSettings):
    """Everything that can be set, with its default."""

    model_config = SettingsConfigDict(
        env_prefix="RATCHET_",
        env_nested_delimiter="__",
        env_ignore_empty=True,  # `export RATCHET_PORT=` means: as if it were not there
        toml_file=CONFIG_FILE,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    home: Path = Path("data")
    """Where all state lives: database, documents, index, datasets, adapters, logs, keys."""
    host: str = "127.0.0.1"
    """Where web listens. Off loopback every API call needs a key: see `ratchet keys`."""
    port: int = Field(default=7860, ge=0, le=65535)
    """Web's port; 0 takes a free one."""
    origins: str = ""
    """Further origins of our pages, by commas, e.g. `https://chat.example.com` behind a proxy."""
    proxy_addresses: str = ""
    """Networks of reverse proxies that are believed, by commas, e.g. `127.0.0.1, 10.0.0.0/8`."""
    proxy_user_header: str = ""
    """Where they name the user they logged in, e.g. `X-Forwarded-User`; they must overwrite it."""
    database_url: str = ""
    """Empty: SQLite in `home`. Several machines need `postgresql+psycopg://...`."""
    engine_url: str = ""
    """Empty: `up` starts a local vLLM. Several replicas, each named once, are parted by commas."""
    base_model: str = "demo/model"
    """A folder, or a model's name on the Hugging Face hub."""
    operator_token: str = ""
    """Empty: `up` writes one to `home/operator.token`."""
    internal_key: str = ""
    """Web's and the worker's shared secret. Empty: `up` writes one to `home/internal.key`."""
    web_url: str = ""
    """Where the worker and the command line find web. Empty: the service of this `home`."""
    pair_rate: float = Field(default=0.15, ge=0, le=1)
    """Share of page turns that are shown as a blind pair."""
    top_k: int = Field(default=3, ge=1)
    """Passages put before a question."""
    stop_seconds: float = Field(default=20.0, ge=0)
    """How long running answers get to end when the service stops; a second Ctrl-C cuts them."""
    library: str = "demo/documents"
    """Documents that fill an empty library on the first start; empty: none."""
    schedule: Schedule = Schedule()
    """When a cycle starts by itself."""
    promotion: Promotion = Promotion()
    """What happens when a candidate passes the gate."""
    feedback: Feedback = Feedback()
    """Whose words may train."""
    training: Training = Training()
    """How an adapter is trained."""
    judge: Judge = Judge()
    """The reward model."""
    evidence: Evidence = Evidence()
    """The least feedback that a cycle needs."""
    evaluation: Evaluation = Evaluation()
    """How much is asked before the gate decides."""
    gate: Gate = Gate()
    """The rule that a candidate must pass."""
    limits: Limits = Limits()
    """What one person may ask for."""
    documents: Documents = Documents()
    """How documents are read."""
    retention: Retention = Retention()
    """How long what was said is kept."""
    watch: Watch = Watch()
    """When what was promoted is taken back."""
    engine: Engine = Engine()
    """The local vLLM."""

    @field_validator("engine_url")
    @classmethod
    def _are_different(cls, urls: str) -> str:
        # One engine as two replicas would be counted, loaded and waited for twice.
        named = [url.lower() for url in split_urls(urls)]
        if twice := sorted({url for url in named if named.count(url) > 1}):
            raise ValueError(f"{', '.join(twice)} is named more than once")
        return urls

    @field_validator("proxy_addresses")
    @classmethod
    def _are_networks(cls, addresses: str) -> str:
        for network in filter(None, (word.strip() for word in addresses.split(","))):
            ip_network(network, strict=False)
        return addresses

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, _Environment(settings_cls), file

    @property
    def database(self) -> str:
        """The database's URL, also when none is set."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'ratchet.db'}"

    @property
    def proxies(self) -> tuple[str, ...]:
        """The networks of the proxies that are believed."""
        return tuple(word.strip() for word in self.proxy_addresses.split(",") if word.strip())

    @property
    def engine_urls(self) -> tuple[str, ...]:
        """The engine's replicas; empty: the local one that `up` starts."""
        return split_urls(self.engine_url)

    def secret(self, name: SecretName) -> str:
        """The secret from the settings, else from its file in `home`, else empty."""
        given = {"operator.token": self.operator_token, "internal.key": self.internal_key}
        if given.get(name):
            return given[name]
        path = self.home / name
        return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def split_urls(urls: str) -> tuple[str, ...]:
    """Return addresses that are separated by commas."""
    return tuple(url.strip().rstrip("/") for url in urls.split(",") if url.strip())


def setting_names() -> list[str]:
    """Every setting's name as `ratchet.toml` spells it, e.g. `port` and `promotion.mode`."""
    names: list[str] = []
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            names += [f"{name}.{inner}" for inner in kind.model_fields]
        else:
            names.append(name)
    return names


def config_file() -> Path:
    """The file that is read: `RATCHET_CONFIG`, else `ratchet.toml` here."""
    return Path(os.environ.get("RATCHET_CONFIG", CONFIG_FILE))


def find_path(text: str) -> Path | None:
    """The existing path that `text` means, relative to here or to the code; None: there is none."""
    for path in (Path(text), CHECKOUT / text):
        if path.exists():
            return path.resolve()
    return None


def load_settings(**given: Any) -> Settings:
    """Read file and environment; `given` wins over both.

    Raises:
        SettingsError: a value was refused or the file is not TOML.
    """
    try:
        return Settings(**given)
    except ValidationError as err:
        raise SettingsError("\n".join(_sentence(dict(e)) for e in err.errors())) from err
    except tomllib.TOMLDecodeError as err:
        raise SettingsError(f"{config_file()} is not TOML: {err}. Correct that line.") from err
    except SourceError as err:
        raise SettingsError(
            f"{err}. Give RATCHET_<TABLE>__<KEY>=value, or set the table in {CONFIG_FILE}."
        ) from err


def _sentence(error: dict[str, Any]) -> str:
    path = [str(part) for part in error["loc"]]
    key, variable = ".".join(path), "RATCHET_" + "__".join(path).upper()
    if error["type"] == "extra_forbidden":
        return f"{key} = {error['input']!r} in {config_file()} is not a setting: correct its name."
    return (
        f"{key} = {error['input']!r} is refused: {error['msg']}. "
        f"Correct it in {config_file()} or in the environment variable {variable}."
    )
