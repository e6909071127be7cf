"""The figures that tell most, whatever shape a card's figures have."""

from node.models.figures import Figure, all_figures, key_figures

DICE = {"test_patients": 14, "FLAIR alone": {"volume_dice_mean": 0.77571, "volume_dice_lowest": 0.4648}}
ACCURACY = {
    "testing": {"pictures": 630, "accuracy": 0.9429, "recall": {"glioma": 0.8881}, "confusion": [[1, 2], [3, 4]]},
    "apart": {"accuracy": 0.9495, "ece": 0.02},
}


def test_the_dice_of_a_segmentation_and_where_it_was_measured_come_first() -> None:
    assert key_figures("segmentation", DICE) == (Figure("FLAIR alone", "volume dice mean", "0.7757"),)


def test_the_accuracy_of_a_classification_is_given_for_every_place_then_its_calibration() -> None:
    assert key_figures("classification", ACCURACY) == (
        Figure("testing", "accuracy", "0.9429"),
        Figure("apart", "accuracy", "0.9495"),
        Figure("apart", "ece", "0.02"),
    )


def test_a_task_that_nobody_foresaw_has_its_baseline_beside_its_accuracy_and_intervals_are_written_out() -> None:
    figures = {"accuracy": 0.6, "accuracy_interval": [0.5, 0.7], "majority_accuracy": 0.55}

    told = [(one.name, one.value) for one in key_figures("grading", figures)]

    assert told == [("accuracy", "0.6"), ("accuracy interval", "0.5 to 0.7"), ("majority accuracy", "0.55")]


def test_figures_that_are_none_are_no_figures() -> None:
    assert key_figures("segmentation", None) == ()
    assert key_figures("segmentation", {"command": "python", "good": True, "dice": "high"}) == ()


def test_all_figures_are_every_number_in_order() -> None:
    assert [one.name for one in all_figures(DICE)] == ["test patients", "volume dice mean", "volume dice lowest"]
    assert all_figures({"range": [1, 2]}) == (Figure("", "range", "1 to 2"),)
