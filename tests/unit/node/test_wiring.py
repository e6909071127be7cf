"""Settings become rooms."""

from pathlib import Path
from typing import get_args, get_origin

import pytest
from support.rooms import settings

from config.settings import Profile as ProfileSettings
from dicom_io.profile import CHARACTER_SETS, DEFAULT, KINDS, SEG_ENCODINGS, SR_CLASSES
from inference.card import read_card
from inference.errors import UnknownModel
from node.loop import Loop
from node.senders.cstore import NATIVE
from node.wiring import (
    algorithm_of,
    make_listener,
    make_worker,
    needs_of,
    process_name,
    room_command,
    routes_of,
    senders_of,
)


def test_the_needs_are_those_of_the_models_that_are_switched_on_in_their_order() -> None:
    chosen = settings(worker__models=["classify_efficientnetb0", "segment_unet2d"])

    assert [(need.model, need.in_words) for need in needs_of(chosen)] == [
        ("classify_efficientnetb0", "t1c or t1"),
        ("segment_unet2d", "flair, t1 (optional), t1c (optional)"),
    ]


def test_a_model_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownModel, match="no_such_model"):
        needs_of(settings(worker__models=["no_such_model"]))


def test_there_is_a_sender_for_each_destination_and_for_no_other() -> None:
    sender_for = senders_of(settings(destinations=[{"ae_title": "PACS", "host": "127.0.0.1", "port": 104}]))

    assert sender_for("PACS") is not None
    assert sender_for("ELSEWHERE") is None


def test_a_destination_is_sent_what_its_profile_says_and_others_what_the_default_says() -> None:
    there = {"ae_title": "OLD", "host": "h", "port": 104, "sr_class": "comprehensive", "maximum_frames": 9}
    rules = [{"calling_ae_title": "*", "model": "*", "destinations": ["OLD", "@caller"]}]

    old, caller = routes_of(settings(destinations=[there], rules=rules)).routes_for("PACS", "segment_unet2d")

    assert (old.destinations, old.profile.sr_class, old.profile.maximum_frames) == (("OLD",), "comprehensive", 9)
    assert (caller.destinations, caller.profile) == (("PACS",), DEFAULT)


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("objects", KINDS),
        ("seg_encoding", SEG_ENCODINGS),
        ("sr_class", SR_CLASSES),
        ("character_set", CHARACTER_SETS),
        ("transfer_syntaxes", tuple(NATIVE)),
    ],
)
def test_the_settings_of_a_profile_allow_what_can_be_made_and_nothing_else(key: str, known: tuple[str, ...]) -> None:
    kind = ProfileSettings.model_fields[key].annotation
    literal = get_args(kind)[0] if get_origin(kind) is tuple else kind

    assert get_args(literal) == known


def test_the_report_of_a_failure_is_signed_by_the_model_though_it_cannot_be_loaded() -> None:
    card = read_card("segment_unet2d")

    assert (algorithm_of(card.name).version, algorithm_of(card.name).weights_sha256) == (
        card.version,
        card.weights_sha256,
    )
    assert (algorithm_of("no_such_model").name, algorithm_of("no_such_model").version) == ("no_such_model", "unknown")


def test_a_room_is_started_with_the_same_settings_file_wherever_it_runs() -> None:
    assert room_command("listen", None)[-3:] == ["node", "listen", "--leave-with-parent"]
    assert room_command("work", Path("glia.toml"))[-2:] == ["--config", str(Path("glia.toml").absolute())]


def test_rooms_come_with_an_empty_folder(tmp_path: Path) -> None:
    chosen = settings(storage__folder=str(tmp_path / "data"), storage__minimum_free_mb=0)
    loop = Loop(0.1)

    assert make_listener(chosen, loop).look() is False
    assert make_worker(chosen, loop).step() is False
    assert (tmp_path / "data" / "glia.sqlite").exists()


def test_no_two_processes_share_a_name() -> None:
    assert process_name() != process_name()
