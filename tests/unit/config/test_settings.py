import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

import config
from config.load import load_settings
from config.settings import AE_TITLE_IN_WORDS, Destination, Profile, Rule, Settings

DEFAULT_TOML = Path(config.__path__[0]) / "default.toml"
LINES = DEFAULT_TOML.read_text(encoding="utf-8").splitlines()


def fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Each key below a part, with the parts in lists."""
    for name, field in model.model_fields.items():
        kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type)]
        parts = [kind for kind in kinds if issubclass(kind, BaseModel)]
        if field.annotation not in parts:
            yield name, field
        for part in parts:
            for key, below in fields(part):
                yield f"{name}.{key}", below


KEYS = dict(fields(Settings))
LISTED = {"destinations", "rules"}


@pytest.mark.parametrize("key", [key for key in KEYS if key.split(".")[0] not in LISTED - {key}])
def test_every_key_is_in_default_toml_with_a_comment_above(key: str) -> None:
    part, _, name = key.rpartition(".")
    start = LINES.index(f"[{part}]") if part else 0

    at = next(n for n in range(start, len(LINES)) if LINES[n].startswith(f"{name} = "))

    assert not any(line.startswith("[") for line in LINES[start + 1 : at])
    assert LINES[at - 1].startswith("# ")


@pytest.mark.parametrize("part", [Destination, Rule])
def test_every_key_of_a_listed_table_is_explained_in_default_toml(part: type[BaseModel]) -> None:
    comments = "\n".join(line for line in LINES if line.startswith("#"))

    for name in set(part.model_fields) - set(Profile.model_fields):
        assert f"{name}: " in comments


def test_default_toml_has_no_key_that_is_no_setting() -> None:
    def walk(values: dict[str, object], prefix: str = "") -> Iterator[str]:
        for key, value in values.items():
            if isinstance(value, dict):
                yield from walk(value, f"{prefix}{key}.")
            else:
                yield prefix + key

    assert set(walk(tomllib.loads("\n".join(LINES)))) == {
        key for key in KEYS if key.split(".")[0] not in LISTED - {key}
    }


def test_the_example_in_default_toml_is_a_valid_list_of_destinations(tmp_path: Path) -> None:
    example = [line.removeprefix("#") for line in LINES if line.startswith("#   ")]
    file = tmp_path / "glia.toml"
    file.write_text("\n".join(line.strip() for line in example), encoding="utf-8")

    plain, special = load_settings(file, {}).destinations
    assert (plain.ae_title, plain.host, plain.port) == ("PACS", "10.0.0.5", 104)
    assert (special.ae_title, special.objects) == ("OLD", ("SR", "KEY IMAGE"))


@pytest.mark.parametrize("key", KEYS)
def test_every_key_says_in_words_what_is_allowed(key: str) -> None:
    field = KEYS[key]

    assert field.description
    if get_origin(field.annotation) is Literal:
        assert all(choice in field.description for choice in get_args(field.annotation))


RANGES = {
    key: str(field.description).partition(" from ")[2]
    for key, field in KEYS.items()
    if field.annotation in (int, float) and key.split(".")[0] not in LISTED
}


@pytest.mark.parametrize("key", RANGES)
def test_ranges_are_the_same_in_words_and_in_the_comment(key: str) -> None:
    part, _, name = key.rpartition(".")
    at = next(n for n in range(LINES.index(f"[{part}]"), len(LINES)) if LINES[n].startswith(f"{name} = "))
    comment = []
    while LINES[at - 1].startswith("#"):
        at -= 1
        comment.insert(0, LINES[at])

    assert RANGES[key] in " ".join(comment)


def test_no_model_has_a_default_of_its_own() -> None:
    assert [key for key, field in KEYS.items() if not field.is_required()] == []


def test_settings_are_frozen() -> None:
    settings = load_settings(None, {})

    with pytest.raises(ValidationError, match="frozen"):
        settings.listener.port = 1  # type: ignore[misc]


def test_the_database_is_in_the_storage_folder_unless_told_otherwise() -> None:
    default = load_settings(None, {"GLIA_STORAGE__FOLDER": "/data"})
    told = load_settings(None, {"GLIA_DATABASE__URL": "sqlite:////db/x.sqlite"})

    assert default.database_url == "sqlite:////data/glia.sqlite"
    assert told.database_url == "sqlite:////db/x.sqlite"


def test_the_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/glia")
    monkeypatch.chdir(tmp_path)

    assert load_settings(None, {}).storage.folder == Path("/home/glia/.local/share/glia")
    assert load_settings(None, {"GLIA_STORAGE__FOLDER": "data"}).storage.folder == tmp_path / "data"


@pytest.mark.parametrize("title", ["A", "PACS", "MY PACS", "SIXTEEN_LETTERS_", "12345", "@caller"])
def test_ae_titles_that_dicom_allows(title: str) -> None:
    assert load_settings(None, {"GLIA_LISTENER__AE_TITLE": title}).listener.ae_title == title


@pytest.mark.parametrize("title", ["", " ", " A", "A ", "SEVENTEEN_LETTERS", "A\\B", "A\nB", "A\n", "Ä"])
def test_ae_titles_that_dicom_does_not_allow(title: str) -> None:
    with pytest.raises(Exception, match=AE_TITLE_IN_WORDS):
        load_settings(None, {"GLIA_LISTENER__AE_TITLE": title})
