"""The settings as frozen parts: what each key may be. The values themselves start in default.toml.

No field has a default here, so that default.toml is the one place to look. Each field's description says in
words what is allowed; it is what an operator reads when a value is refused.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

CALLER = "@caller"
"""In a rule: the AE title that sent the series."""

AE_TITLE_IN_WORDS = "1 to 16 ASCII characters, no backslash, no space at either end"


def _whole(lowest: int, highest: int) -> Any:
    return Field(ge=lowest, le=highest, description=f"a whole number from {lowest} to {highest}")


def _number(lowest: float, highest: float) -> Any:
    return Field(ge=lowest, le=highest, description=f"a number from {lowest:g} to {highest:g}")


def _words(description: str, **limits: Any) -> Any:
    return Field(description=description, **limits)


def _absolute(folder: Path) -> Path:
    if folder == Path():
        raise ValueError("the data needs a folder of its own")
    try:
        return folder.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{folder} cannot be resolved: {error}") from error


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"each must be there once, {value} is there {values.count(value)} times")
    return values


# PS3.5 6.2, value representation AE
_AeTitle = Annotated[str, Field(pattern=r"^[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?$")]
AeTitle = Annotated[_AeTitle, _words(f"an AE title: {AE_TITLE_IN_WORDS}")]
Host = Annotated[str, _words("a host name or an IP address", pattern=r"^[^\s/]+$")]
Name = Annotated[str, Field(pattern=r"^\S+$")]


class Part(BaseModel):
    """What all parts have in common: frozen, strict, closed."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Listener(Part):
    """Who we are to senders, and whom we let in."""

    ae_title: AeTitle
    host: Host
    port: Annotated[int, _whole(0, 65535)]
    calling_ae_titles: Annotated[
        tuple[_AeTitle, ...], _words(f'a list of AE titles such as ["PACS"], each {AE_TITLE_IN_WORDS}')
    ]
    maximum_associations: Annotated[int, _whole(1, 1000)]
    maximum_pdu_bytes: Annotated[int, _whole(4096, 1048576)]
    network_timeout_seconds: Annotated[float, _number(1, 3600)]


class Storage(Part):
    """Where received bytes and results are kept."""

    folder: Annotated[Path, AfterValidator(_absolute), _words("a folder; ~ is the home folder")]
    minimum_free_mb: Annotated[int, _whole(0, 10000000)]
    segment_mb: Annotated[int, _whole(1, 4096)]
    free_segments: Annotated[int, _whole(1, 1000)]
    keep_days: Annotated[float, _number(0, 36500)]
    upkeep_seconds: Annotated[float, _number(1, 86400)]


class Database(Part):
    """Where the inbox and the queues are kept."""

    url: Annotated[
        str,
        _words(
            "empty (glia.sqlite in the storage folder), sqlite:/// and an absolute path, such as "
            "sqlite:////var/lib/glia/glia.sqlite, or postgresql:// with user, host and database, such as "
            "postgresql://glia@localhost/glia",
            pattern=r"^(sqlite:////[^?#]+|postgresql(\+psycopg)?://\S+)?$",
        ),
    ]
    busy_timeout_seconds: Annotated[float, _number(0, 60)]


class Completion(Part):
    """When a series is complete, and how long a model waits for another one."""

    quiet_seconds: Annotated[float, _number(0.1, 3600)]
    complete_on_release: Annotated[
        tuple[_AeTitle, ...], _words(f'a list of AE titles, each {AE_TITLE_IN_WORDS}; ["*"] is every sender')
    ]
    needed_wait_seconds: Annotated[float, _number(0, 604800)]
    optional_wait_seconds: Annotated[float, _number(0, 604800)]
    interval_seconds: Annotated[float, _number(0.05, 60)]


class Case(Part):
    """How the series of one study are brought together."""

    other_frame_of_reference: Annotated[Literal["register", "refuse"], _words("register or refuse")]


class Worker(Part):
    """Which models analyse, and how stubbornly."""

    models: Annotated[
        tuple[Name, ...],
        _words('a list of at least one model name, such as ["segment_unet2d"]', min_length=1),
    ]
    model_memory_mb: Annotated[int, _whole(100, 1000000)]
    precision: Annotated[Literal["auto", "float32"], _words("auto or float32")]
    lease_seconds: Annotated[float, _number(1, 3600)]
    maximum_attempts: Annotated[int, _whole(1, 100)]
    retry_seconds: Annotated[float, _number(0, 3600)]
    poll_seconds: Annotated[float, _number(0.05, 60)]
    report_failures: Annotated[bool, _words("true or false")]


class Sender(Part):
    """How results are delivered."""

    first_retry_seconds: Annotated[float, _number(0.1, 3600)]
    maximum_retry_seconds: Annotated[float, _number(0.1, 86400)]
    maximum_attempts: Annotated[int, _whole(0, 1000000)]
    timeout_seconds: Annotated[float, _number(1, 600)]
    poll_seconds: Annotated[float, _number(0.05, 60)]
    batch: Annotated[int, _whole(1, 1000)]


class Rule(Part):
    """Which destinations get the results of one sender's series and one model; the first match wins."""

    calling_ae_title: Annotated[_AeTitle, _words(f'an AE title ({AE_TITLE_IN_WORDS}), or "*" for every sender')]
    model: Annotated[Name, _words('a model name, or "*" for every model')]
    destinations: Annotated[
        tuple[_AeTitle, ...],
        _words('a list of AE titles from destinations, "@caller" for the sender of the series'),
    ]


class Profile(Part):
    """How results are written and sent, where a destination does not say otherwise."""

    objects: Annotated[
        tuple[Literal["SEG", "SR", "MEASUREMENTS", "KEY IMAGE", "PDF"], ...],
        AfterValidator(_distinct),
        _words("a list of at least one of SEG, SR, MEASUREMENTS, KEY IMAGE and PDF, each once", min_length=1),
    ]
    seg_encoding: Annotated[Literal["auto", "binary", "fractional"], _words("auto, binary or fractional")]
    sr_class: Annotated[Literal["comprehensive 3d", "comprehensive"], _words('"comprehensive 3d" or "comprehensive"')]
    maximum_frames: Annotated[int, _whole(0, 1000000)]
    character_set: Annotated[
        Literal["", "ISO_IR 100", "ISO_IR 192"], _words('empty (as the source), "ISO_IR 100" or "ISO_IR 192"')
    ]
    transfer_syntaxes: Annotated[
        tuple[Literal["explicit", "implicit", "deflated"], ...],
        AfterValidator(_distinct),
        _words("a list of at least one of explicit, implicit and deflated, each once", min_length=1),
    ]


class Destination(Profile):
    """Where an AE title listens, and how it wants its results; what it does not say is taken from the profile."""

    ae_title: AeTitle
    host: Host
    port: Annotated[int, _whole(1, 65535)]


class Log(Part):
    """What is written to standard error, and how."""

    level: Annotated[Literal["debug", "info", "warning", "error"], _words("debug, info, warning or error")]
    format: Annotated[Literal["auto", "console", "json"], _words("auto, console or json")]


class Settings(Part):
    """Everything the node can be told."""

    destinations: Annotated[
        tuple[Destination, ...],
        _words("a list of tables with ae_title, host and port, and with keys of profile where they differ"),
    ]
    rules: Annotated[tuple[Rule, ...], _words("a list of tables with calling_ae_title, model and destinations")]
    listener: Listener
    storage: Storage
    database: Database
    profile: Profile
    completion: Completion
    case: Case
    worker: Worker
    sender: Sender
    log: Log

    @property
    def database_url(self) -> str:
        """The database's URL: as set, else the file glia.sqlite in the storage folder."""
        return self.database.url or f"sqlite:///{self.storage.folder / 'glia.sqlite'}"

    @field_validator("destinations")
    @classmethod
    def _each_once(cls, destinations: tuple[Destination, ...]) -> tuple[Destination, ...]:
        titles = [destination.ae_title for destination in destinations]
        for title in titles:
            if title == CALLER:
                raise ValueError(f"{CALLER} already means the sender of the series; call the destination otherwise")
            if titles.count(title) > 1:
                raise ValueError(f"each AE title must be there once, {title} is there {titles.count(title)} times")
        return destinations

    @field_validator("rules")
    @classmethod
    def _only_known_destinations(cls, rules: tuple[Rule, ...], info: ValidationInfo) -> tuple[Rule, ...]:
        if "destinations" not in info.data:  # they are refused already
            return rules
        known = [CALLER, *(destination.ae_title for destination in info.data["destinations"])]
        for number, rule in enumerate(rules):
            for title in rule.destinations:
                if title not in known:
                    raise ValueError(
                        f"rules[{number}] names {title}, which is no destination; known: {', '.join(known)}"
                    )
        return rules
