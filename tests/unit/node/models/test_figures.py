"""The figures that tell most, and all of them."""

from node.models.figures import Figure, all_figures, key_figures

DICE = {"test_patients": 14, "FLAIR alone": {"volume_dice_mean": 0.77571, "volume_dice_lowest": 0.4648}}


def test_what_figures_say_in_short_is_told_the_models_own_first() -> None:
    provenance = {
        "baselines": {"in_short": {"accuracy": "0.9"}},
        "data": "pictures",
        "figures": {"in_short": {"accuracy": "0.95 (0.93 to 0.97)"}, "testing": {"accuracy": 0.95}},
        "source_protocol": {"accuracy": 0.99},
    }

    assert list(key_figures(provenance).items()) == [
        ("accuracy", "0.95 (0.93 to 0.97)"),
        ("other weights, baselines: accuracy", "0.9"),
    ]


def test_a_model_that_was_not_measured_has_none() -> None:
    assert key_figures({}) == {}
    assert key_figures({"figures": None, "in_short": "no mapping"}) == {}


def test_all_figures_are_every_number_in_order() -> None:
    assert [one.name for one in all_figures(DICE)] == ["test patients", "volume dice mean", "volume dice lowest"]
    assert all_figures({"range": [1, 2]}) == (Figure("", "range", "1 to 2"),)
    assert all_figures({"command": "python", "good": True, "dice": "high"}) == ()
