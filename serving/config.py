"""What serving must be told: built once by `ratchet/wiring.py`, never read from the environment.

Invariant: a `ServingConfig` is frozen and complete. Nothing in `serving/` looks a setting up
elsewhere, so two services with different settings can live in one process (the tests do that).
"""

from dataclasses import dataclass, field
from pathlib import Path

from feedback.consent import ASK, Rule

CONTEXT_DEFAULT = 4096
"""Tokens assumed until the engine has told us the length of its context."""


@dataclass(frozen=True)
class ServingConfig:
    """Settings of the web process, and of the engine where we start it."""

    home: Path
    base_model: str
    """Folder or hub name of the base model; a folder as an absolute path."""
    base_hash: str
    """Identity of the base: adapters, aliases and deployments belong to it."""
    cookie_key: bytes = field(repr=False)
    operator_token: str = field(repr=False)
    internal_key: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 7860
    engine_urls: tuple[str, ...] = ()
    """One a replica, e.g. `http://127.0.0.1:8011`; loopback or a private network only."""
    cpu: bool = True
    """The engine runs on a CPU: there the base must be asked through a null adapter."""
    pair_rate: float = 0.15
    """Share of the chat page's turns that are offered as a blind pair."""
    top_k: int = 3
    pages: bool = True
    """Mount the Gradio pages; unit tests of the API do without."""
    origins: tuple[str, ...] = ()
    """Further origins that are ours, e.g. `https://chat.example.com` where a proxy changes Host."""
    proxy_addresses: tuple[str, ...] = ()
    """Networks of the reverse proxies whose word about a request counts, e.g. `10.0.0.0/8`."""
    proxy_user_header: str = ""
    """The header in which they name the user whom they have logged in; empty: none."""
    requests_per_minute: int = 60
    """Answers that one untrusted person may ask for; trusted callers and operators: no limit."""
    answers_at_once: int = 8
    """Answers that may run for one untrusted person."""
    shared_limit: int = 10
    """How many times as much a key, or the cookies of one address block, may do together."""
    body_bytes: int = 4 * 2**20
    """The largest body: far beyond any model's context, far below what hurts."""
    max_choices: int = 8
    """The largest `n` of a request."""
    stop_seconds: float = 20.0
    """How long running answers get to end when the service is stopped."""
    silence_seconds: float = 120.0
    """How long the engine may say nothing in a stream that has begun."""
    reconcile_seconds: float = 1.0
    route_refresh_seconds: float = 0.05
    gpu_memory_utilization: float = 0.9
    max_model_len: int | None = None
    max_loras: int = 4
    max_cpu_loras: int = 8
    max_lora_rank: int = 32
    kv_cache_gib: int = 1
    """Space for the KV cache on a CPU."""
    cpu_threads: int = 1
    """Cores that a CPU engine computes on."""
    tool_parser: str = ""
    """vLLM's parser of the base model's tool calls; empty: no `agent`, and no tools of callers."""
    baseline: str = "rag"
    """The other side of a pair where there is no candidate: `rag` or `agent`."""
    consent: Rule = ASK
    """Whether the page asks people what their words may be used for, and about which text."""
    engine_args: tuple[str, ...] = ()
    """Further arguments of vLLM's command line, as they are."""

    @property
    def adapters(self) -> Path:
        """The folder that holds every published adapter."""
        return self.home / "adapters"

    @property
    def loopback(self) -> bool:
        """Whether the service listens on this machine only."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")
