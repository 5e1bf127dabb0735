"""Every error that serving raises on purpose, and what a caller gets for it.

    ServingError                500 server_error
    ├── BadRequest              400 invalid_request_error
    ├── UnsupportedMediaType    415 invalid_request_error  the body is not announced as JSON
    ├── Unauthorized            401 authentication_error   nobody we know is asking
    ├── Forbidden               403 permission_error       the one asking may not do this
    ├── NotFound                404 not_found_error
    │   ├── UnknownModel                                   a name that the caller may not ask
    │   └── UnknownResponder                               no such adapter, or of another base
    ├── Conflict                409 conflict_error
    │   ├── NotEligible                                    neither passed the gate nor was live
    │   ├── NotLoadable                                    its adapter is damaged or refused
    │   ├── LiveMoved                                      decided about what is live no more
    │   ├── PromotionHeld                                  an operator holds promotion
    │   └── NothingToRollBack                              the stack holds one deployment only
    ├── TooManyRequests         429 rate_limit_error
    ├── Unavailable             503 server_error           not now; try again
    │   ├── Stopping                                       the service is being stopped
    │   └── StorageFailed                                  the database cannot be written
    │       └── StorageFull     507                        its disk is full
    ├── SearchFailed            500                        the documents cannot be searched
    └── EngineError             502 engine_error
        ├── EngineUnavailable   503                        nothing was generated; try again
        │   └── EngineSlow                                 it did not say in time how it is
        ├── EngineRejected      400                        the engine refuses this request
        └── EngineCut           502                        it died while it was answering

Invariant: `serving/app.py` is the one place where an exception becomes a response, and it needs
nothing but what the exception carries.
"""

from typing import ClassVar


class ServingError(Exception):
    """Something that the caller is told, in words that say what to do."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(ServingError):
    """The request itself is wrong."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class UnsupportedMediaType(ServingError):
    """The body is not announced as JSON."""

    status = 415
    type = "invalid_request_error"
    code = "unsupported_media_type"


class Unauthorized(ServingError):
    """Nobody we know is asking."""

    status = 401
    type = "authentication_error"
    code = "unauthorized"


class Forbidden(ServingError):
    """We know who is asking, and they may not."""

    status = 403
    type = "permission_error"
    code = "forbidden"


class NotFound(ServingError):
    """There is nothing of this name or id."""

    status = 404
    type = "not_found_error"
    code = "not_found"


class UnknownModel(NotFound):
    """The request's `model` is not among the names that this caller may use."""

    type = "invalid_request_error"
    code = "model_not_found"


class UnknownResponder(NotFound):
    """No responder of this name can be served on the present base model."""

    code = "unknown_responder"


class Conflict(ServingError):
    """The request is fine, the present state forbids it."""

    status = 409
    type = "conflict_error"
    code = "conflict"


class NotEligible(Conflict):
    """The responder neither passed the gate nor was live before."""

    code = "not_eligible"


class NotLoadable(Conflict):
    """The responder's adapter cannot be loaded."""

    code = "not_loadable"


class NothingToRollBack(Conflict):
    """Nothing lies below the live deployment."""

    code = "nothing_to_roll_back"


class LiveMoved(Conflict):
    """Something else went live after the decision was made."""

    code = "live_moved"


class PromotionHeld(Conflict):
    """An operator holds automatic promotion."""

    code = "held"


class TooManyRequests(ServingError):
    """This person asks faster than the settings allow."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limited"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(ServingError):
    """The service cannot do it at the moment, whatever the engine could."""

    status = 503
    code = "unavailable"

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Stopping(Unavailable):
    """The service is being stopped: it finishes what it began and begins nothing."""

    code = "stopping"


class StorageFailed(Unavailable):
    """The database cannot be written or read, so nothing that must be kept is begun."""

    code = "storage_failed"


class StorageFull(StorageFailed):
    """There is no space left where the database lies."""

    status = 507
    code = "storage_full"


class SearchFailed(ServingError):
    """The documents cannot be searched in the middle of an answer."""

    code = "retrieval"


class EngineError(ServingError):
    """The engine did not do what it was asked; never counted against a responder."""

    status = 502
    type = "engine_error"
    code = "engine_failed"


class EngineUnavailable(EngineError):
    """No engine can answer right now; nothing was generated or recorded."""

    status = 503
    code = "engine_unavailable"

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineSlow(EngineUnavailable):
    """The engine did not say in time whether it is up."""


class EngineRejected(EngineError):
    """The engine refuses the request as it is."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class EngineCut(EngineError):
    """The engine went away while it was answering."""

    code = "engine_cut"
