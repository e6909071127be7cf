"""default.toml, then a TOML file, then the environment: the layers that become Settings."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from config.errors import SettingsError
from config.settings import Profile, Settings

DEFAULTS = Path(__file__).with_name("default.toml")
PREFIX = "GLIA_"

Place = tuple[str | int, ...]
"""Where a value stands: the names and list indices on the way to it."""


def without_passwords(text: str) -> str:
    """Hide who logs in where in the URLs of a text."""
    return re.sub(r"//[^/@\s]*@", "//***@", text)


def load_settings(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings, the later layer winning key by key.

    Parameters
    ----------
    file
        The operator's TOML file, if any.
    environ
        The environment; ``GLIA_<PART>__<KEY>`` sets a key, ``GLIA_<PART>`` a whole list or table as JSON.

    Raises
    ------
    SettingsError
        When the file cannot be read, a key is unknown, or a value is not allowed.
    """
    values: dict[str, Any] = {}
    origins: dict[Place, str] = {}
    _overlay(values, _read(DEFAULTS), "default.toml", origins)
    if file is not None:
        _overlay(values, _read(file), f"file {file}", origins)
    for name, layer in _environment_layers(environ):
        _overlay(values, layer, f"environment variable {name}", origins)
    _complete_destinations(values, origins)
    try:
        # As JSON, because strict validation then still takes lists for tuples and strings for paths.
        return Settings.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        lines = [_explain(problem, origins) for problem in error.errors()]
        raise SettingsError("\n".join(["The settings are refused:", *lines])) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from error


def _overlay(
    values: dict[str, Any], layer: Mapping[str, Any], origin: str, origins: dict[Place, str], at: Place = ()
) -> None:
    """Lay a layer over the values, table by table; what is no table is replaced whole."""
    for key, value in layer.items():
        below = values.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            _overlay(below, value, origin, origins, (*at, key))
        else:
            values[key] = value
            origins[(*at, key)] = origin


def _complete_destinations(values: dict[str, Any], origins: dict[Place, str]) -> None:
    """Give each destination what it does not say of its results: the values of the profile."""
    profile, destinations = values.get("profile"), values.get("destinations")
    if not isinstance(profile, dict) or not isinstance(destinations, list):
        return  # refused where they stand
    for number, destination in enumerate(destinations):
        if isinstance(destination, dict):
            for key in set(profile) & set(Profile.model_fields) - set(destination):
                destination[key] = profile[key]
                origins[("destinations", number, key)] = _origin(("profile", key), origins)


def _environment_layers(environ: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each variable that is meant as a setting, with the layer it makes."""
    for name in sorted(environ):
        place = name.removeprefix(PREFIX).lower().split("__")
        if name.startswith(PREFIX) and (len(place) > 1 or place[0] in Settings.model_fields):
            layer: Any = _value(environ[name], _field(tuple(place)))
            try:
                json.dumps((name, layer), ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                raise SettingsError(f"environment variable {name!a}: is not UTF-8") from error
            for key in reversed(place):
                layer = {key: layer}
            yield name, layer


def _value(text: str, field: FieldInfo | None) -> Any:
    """Keep text where the setting is one; elsewhere read JSON, and leave what is not to be refused."""
    kind = None if field is None else field.annotation
    if kind in (str, Path) or get_origin(kind) is Literal:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _field(place: Place) -> FieldInfo | None:
    """Find the field at a place, or the list it stands in; None where there is no such setting."""
    model: type[BaseModel] | None = Settings
    field: FieldInfo | None = None
    for step in place:
        if isinstance(step, int):
            continue
        if model is None or step not in model.model_fields:
            return None
        field = model.model_fields[step]
        model = _model_in(field)
    return field


def _model_in(field: FieldInfo) -> type[BaseModel] | None:
    """Find the part that a field holds, one or a list of them."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _explain(problem: ErrorDetails, origins: Mapping[Place, str]) -> str:
    """Write one line for one problem: key, value, origin, what is allowed."""
    place, kind = problem["loc"], problem["type"]
    key, origin = _dotted(place), _origin(place, origins)
    if kind == "missing":
        return f"  {key} ({origin}): is missing; it must be {_allowed(place)}"
    line = f"  {key} = {_shown(problem['input'])} ({origin}): "
    if kind == "extra_forbidden":
        return line + f"there is no such setting{_suggestion(place)}"
    if kind == "value_error":
        return line + str(problem["ctx"]["error"])
    return line + f"must be {_allowed(place)}"


def _origin(place: Place, origins: Mapping[Place, str]) -> str:
    """Name the layer that set a value, or the table or list around it."""
    return next(origins[place[:n]] for n in range(len(place), 0, -1) if place[:n] in origins)


def _allowed(place: Place) -> str:
    field = _field(place)
    return (field and field.description) or "a table of settings"


def _suggestion(place: Place) -> str:
    known, last = list(_keys(Settings)), str(place[-1])
    # A key that is right but in the wrong part, or in none, is found by its last name.
    near = [name for name in known if name.rpartition(".")[2] == last]
    part = _model_in(field) if (field := _field(place[:-1])) else None
    beside = [f"{_dotted(place[:-1])}.{name}" for name in (part.model_fields if part else ())]
    near = near or get_close_matches(_dotted(place), beside, n=1) or get_close_matches(_dotted(place), known, n=1)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from _keys(part, f"{prefix}{name}.")
        else:
            yield prefix + name


def _dotted(place: Place) -> str:
    """Write ``("rules", 0, "model")`` as ``rules[0].model``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def _shown(value: object) -> str:
    """Write a value as an operator may see it: on one line, without the password of a URL."""
    text = without_passwords(json.dumps(value, default=str, ensure_ascii=False))
    return text if len(text) <= 200 else text[:200] + " ..."
