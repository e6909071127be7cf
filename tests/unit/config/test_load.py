import json
from pathlib import Path

import pytest

from config.errors import SettingsError
from config.load import load_settings
from config.settings import Rule


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "glia.toml"


def refusal(file: Path | None = None, **environ: str) -> list[str]:
    """What is said about wrong settings, line by line."""
    with pytest.raises(SettingsError) as raised:
        load_settings(file, environ)
    return str(raised.value).splitlines()


def test_without_configuration_the_defaults_hold() -> None:
    settings = load_settings(None, {})

    assert (settings.listener.ae_title, settings.listener.host, settings.listener.port) == ("GLIA", "127.0.0.1", 11112)
    assert settings.worker.models == ("segment_unet2d", "classify_efficientnetb0")
    assert settings.rules == (Rule(calling_ae_title="*", model="*", destinations=("@caller",)),)
    assert settings.destinations == ()


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(file: Path) -> None:
    file.write_text('[listener]\nport = 104\nae_title = "FILE"\n')

    listener = load_settings(file, {"GLIA_LISTENER__AE_TITLE": "ENV"}).listener

    assert (listener.ae_title, listener.port, listener.maximum_associations) == ("ENV", 104, 25)


def test_a_list_in_a_file_replaces_the_default_list(file: Path) -> None:
    file.write_text('[worker]\nmodels = ["one"]\n[[destinations]]\nae_title = "PACS"\nhost = "pacs"\nport = 104\n')

    settings = load_settings(file, {})

    assert settings.worker.models == ("one",)
    assert [(one.ae_title, one.host, one.port) for one in settings.destinations] == [("PACS", "pacs", 104)]


def test_lists_and_tables_in_the_environment_are_json() -> None:
    settings = load_settings(
        None,
        {
            "GLIA_DESTINATIONS": '[{"ae_title": "PACS", "host": "10.0.0.5", "port": 104}]',
            "GLIA_RULES": '[{"calling_ae_title": "MR1", "model": "*", "destinations": ["PACS", "@caller"]}]',
            "GLIA_LISTENER__CALLING_AE_TITLES": '["MR1", "MR2"]',
            "GLIA_SENDER": '{"batch": 5}',
        },
    )

    assert [(one.ae_title, one.host, one.port) for one in settings.destinations] == [("PACS", "10.0.0.5", 104)]
    assert settings.rules[0].destinations == ("PACS", "@caller")
    assert settings.listener.calling_ae_titles == ("MR1", "MR2")
    assert (settings.sender.batch, settings.sender.timeout_seconds) == (5, 30)


def test_a_destination_has_what_the_profile_says_but_for_what_it_says_itself(file: Path) -> None:
    file.write_text(
        '[profile]\nsr_class = "comprehensive"\n[[destinations]]\nae_title = "A"\nhost = "a"\nport = 1\n'
        '[[destinations]]\nae_title = "B"\nhost = "b"\nport = 2\nobjects = ["SR"]\nsr_class = "comprehensive 3d"\n'
    )

    settings = load_settings(file, {"GLIA_PROFILE__MAXIMUM_FRAMES": "300"})

    told = [(one.objects, one.sr_class, one.maximum_frames) for one in settings.destinations]
    assert told == [(settings.profile.objects, "comprehensive", 300), (("SR",), "comprehensive 3d", 300)]


def test_a_wrong_value_of_a_destination_is_refused_where_it_stands() -> None:
    lines = refusal(
        GLIA_DESTINATIONS='[{"ae_title": "PACS", "host": "h", "port": 104, "objects": ["SEG", "SEG"], "sr_clas": "x"}]'
    )

    assert lines[1:] == [
        '  destinations[0].objects = ["SEG", "SEG"] (environment variable GLIA_DESTINATIONS): '
        "each must be there once, SEG is there 2 times",
        '  destinations[0].sr_clas = "x" (environment variable GLIA_DESTINATIONS): '
        "there is no such setting; did you mean destinations[0].sr_class?",
    ]


def test_a_wrong_value_of_the_profile_names_its_own_origin(file: Path) -> None:
    file.write_text('[profile]\nseg_encoding = "jpeg"\n')

    lines = refusal(file, GLIA_DESTINATIONS='[{"ae_title": "PACS", "host": "h", "port": 104}]')

    assert len(lines) == 3
    assert all(f'"jpeg" (file {file}): must be auto, binary or fractional' in line for line in lines[1:])


def test_text_in_the_environment_stays_text_even_if_it_looks_like_a_number() -> None:
    assert load_settings(None, {"GLIA_LISTENER__AE_TITLE": "104"}).listener.ae_title == "104"


def test_other_variables_are_left_alone() -> None:
    others = {"GLIA_CONFIG": "/etc/glia.toml", "HOME__X": "1", "PATH": "/bin", "glia_listener__port": "x"}

    assert load_settings(None, others) == load_settings(None, {})


def test_a_wrong_value_is_refused_with_key_value_origin_and_what_is_allowed(file: Path) -> None:
    file.write_text("[listener]\nport = 70000\n")

    assert refusal(file) == [
        "The settings are refused:",
        f"  listener.port = 70000 (file {file}): must be a whole number from 0 to 65535",
    ]
    assert refusal(GLIA_LOG__LEVEL="loud") == [
        "The settings are refused:",
        '  log.level = "loud" (environment variable GLIA_LOG__LEVEL): must be debug, info, warning or error',
    ]


def test_all_wrong_values_are_told_at_once(file: Path) -> None:
    file.write_text("[listener]\nport = -1\n[sender]\nbatch = 0\n")

    lines = refusal(file, GLIA_LOG__FORMAT="xml")

    assert [line.split()[0] for line in lines[1:]] == ["listener.port", "sender.batch", "log.format"]


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ('[listener]\nport = "104"', "a whole number from 0 to 65535"),
        ("[listener]\nport = true", "a whole number from 0 to 65535"),
        ("[listener]\nport = 104.5", "a whole number from 0 to 65535"),
        ("[worker]\nlease_seconds = nan", "a number from 1 to 3600"),
        ("[worker]\nlease_seconds = inf", "a number from 1 to 3600"),
        ("[worker]\nlease_seconds = 2025-01-01", "a number from 1 to 3600"),
        ("[worker]\nmodels = []", "a list of at least one model name"),
        ('[worker]\nmodels = "segment_unet2d"', "a list of at least one model name"),
        ("[storage]\nfolder = 5", "a folder"),
        ("listener = 5", "a table of settings"),
        ("destinations = 5", "a list of tables with ae_title, host and port"),
        ("destinations = [5]", "a list of tables with ae_title, host and port"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(file: Path, text: str, allowed: str) -> None:
    file.write_text(text)

    assert f"(file {file}): must be {allowed}" in refusal(file)[1]


@pytest.mark.parametrize(
    "url",
    ["mysql://host/glia", "sqlite://", "sqlite:///:memory:", "sqlite:///here.sqlite", "sqlite:////x?mode=memory"],
)
def test_only_a_file_with_a_full_path_or_a_postgresql_can_be_the_database(url: str) -> None:
    (_, line) = refusal(GLIA_DATABASE__URL=url)

    assert "must be empty (glia.sqlite in the storage folder), sqlite:/// and an absolute path" in line


@pytest.mark.parametrize("url", ["sqlite:////var/glia.sqlite", "postgresql://glia@db:5433/glia"])
def test_a_database_is_named_by_its_url(url: str) -> None:
    assert load_settings(None, {"GLIA_DATABASE__URL": url}).database_url == url


def test_a_password_in_a_refused_url_is_not_told() -> None:
    (_, line) = refusal(GLIA_DATABASE__URL="mysql://glia:s3cret@host/glia")

    assert '"mysql://***@host/glia"' in line


def test_an_empty_folder_is_refused() -> None:
    assert "a folder of its own" in refusal(GLIA_STORAGE__FOLDER="")[1]


def test_an_unknown_key_is_refused_with_a_suggestion(file: Path) -> None:
    file.write_text("[listener]\nprot = 104\n")

    assert refusal(file)[1] == (
        f"  listener.prot = 104 (file {file}): there is no such setting; did you mean listener.port?"
    )


def test_a_key_in_the_wrong_part_is_found_by_its_name(file: Path) -> None:
    file.write_text("quiet_seconds = 5\n[worker]\ntimeout_seconds = 5\n")

    lines = refusal(file)

    assert any(line.endswith("did you mean sender.timeout_seconds?") for line in lines)
    assert any(line.endswith("did you mean completion.quiet_seconds?") for line in lines)


def test_an_unknown_variable_is_refused_with_a_suggestion() -> None:
    assert refusal(GLIA_LISTENER__PROT="104")[1] == (
        "  listener.prot = 104 (environment variable GLIA_LISTENER__PROT): "
        "there is no such setting; did you mean listener.port?"
    )
    assert "there is no such setting" in refusal(GLIA_NOWHERE__X="1")[1]
    assert 'listener.port = {"x": 1}' in refusal(GLIA_LISTENER__PORT__X="1")[1]


def test_a_missing_key_of_a_destination_is_named() -> None:
    lines = refusal(GLIA_DESTINATIONS='[{"ae_title": "PACS", "host": "h"}]')

    assert lines[1] == (
        "  destinations[0].port (environment variable GLIA_DESTINATIONS): is missing; "
        "it must be a whole number from 1 to 65535"
    )


def test_a_rule_that_names_an_unknown_destination_is_refused() -> None:
    rules = [{"calling_ae_title": "*", "model": "*", "destinations": ["@caller", "ARCHIVE"]}]

    (_, line) = refusal(
        GLIA_RULES=json.dumps(rules), GLIA_DESTINATIONS='[{"ae_title": "PACS", "host": "h", "port": 104}]'
    )

    assert line.endswith("rules[0] names ARCHIVE, which is no destination; known: @caller, PACS")


@pytest.mark.parametrize(("titles", "reason"), [("PACS PACS", "PACS is there 2 times"), ("@caller", "already means")])
def test_destinations_must_be_distinct(titles: str, reason: str) -> None:
    twice = [{"ae_title": title, "host": "h", "port": 104} for title in titles.split()]

    assert reason in refusal(GLIA_DESTINATIONS=json.dumps(twice))[1]


def test_a_value_cannot_break_the_line() -> None:
    assert len(refusal(GLIA_LISTENER__HOST="a\n  listener.port = 1 (file x): fine")) == 2


@pytest.mark.parametrize("text", ["\udcff", '["\\ud800"]'])
def test_a_variable_that_is_not_utf_8_is_refused(text: str) -> None:
    assert refusal(GLIA_LISTENER__CALLING_AE_TITLES=text) == [
        "environment variable 'GLIA_LISTENER__CALLING_AE_TITLES': is not UTF-8"
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "cannot be read: No such file"), (b"[listener\n", "is not TOML"), (b"x = '\xff'", "is not TOML")],
)
def test_a_file_that_cannot_be_read_is_named(file: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        file.write_bytes(content)

    assert refusal(file)[0].startswith(f"{file}: {reason}")
