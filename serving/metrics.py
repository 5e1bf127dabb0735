"""What Prometheus may know: requests, times, tokens and errors by responder. No texts, no people.

Invariant: labels come from our own lists (responders, outcomes, error codes), so there are never
many of them.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        by = ("responder",)
        self.requests = Counter(
            "ratchet_requests",
            "Answers by how they ended.",
            ("responder", "purpose", "status"),
            registry=self._registry,
        )
        self.errors = Counter(
            "ratchet_errors",
            "Answers that failed, by error code; never counted against a responder.",
            ("responder", "code"),
            registry=self._registry,
        )
        self.first_token = Histogram(
            "ratchet_first_token_seconds",
            "From the request to the first token.",
            by,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.duration = Histogram(
            "ratchet_answer_seconds",
            "From the request to the end of the answer.",
            by,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.tokens = Counter(
            "ratchet_tokens",
            "Tokens by responder and kind (prompt, completion).",
            ("responder", "kind"),
            registry=self._registry,
        )
        self.feedback = Counter(
            "ratchet_feedback",
            "Requests accepted: votes, comparisons, rankings, corrections, the same again too.",
            ("kind",),
            registry=self._registry,
        )
        self.live = Gauge(
            "ratchet_live", "1 for the responder that is live.", by, registry=self._registry
        )
        self.replica_ready = Gauge(
            "ratchet_replica_ready",
            "1 for a replica that answers.",
            ("replica",),
            registry=self._registry,
        )

    def answered(
        self,
        responder: str,
        purpose: str,
        status: str,
        *,
        seconds: float,
        first_token: float | None,
        prompt_tokens: int | None,
        completion_tokens: int | None,
    ) -> None:
        """Count one answer."""
        self.requests.labels(responder, purpose, status).inc()
        self.duration.labels(responder).observe(seconds)
        if first_token is not None:
            self.first_token.labels(responder).observe(first_token)
        self.tokens.labels(responder, "prompt").inc(prompt_tokens or 0)
        self.tokens.labels(responder, "completion").inc(completion_tokens or 0)

    def heard(self, kind: str) -> None:
        """Count one accepted request to say something; it may have said nothing new."""
        self.feedback.labels(kind).inc()

    def failed(self, responder: str, code: str) -> None:
        """Count one failure."""
        self.errors.labels(responder, code).inc()

    def text(self, live: str | None, replicas: dict[str, bool]) -> bytes:
        """Return everything in Prometheus's text format."""
        self.live.clear()
        if live is not None:
            self.live.labels(live).set(1)
        self.replica_ready.clear()
        for number, ready in enumerate(replicas.values()):
            # Its number, not its address: people never see where an engine is.
            self.replica_ready.labels(str(number)).set(ready)
        return generate_latest(self._registry)
