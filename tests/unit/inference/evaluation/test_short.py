from inference.evaluation.short import in_words, with_interval


def test_a_figure_is_written_with_its_interval() -> None:
    assert with_interval(0.94286, 0.9218, 0.95849) == "0.943 (0.922 to 0.958)"
    assert in_words({"dice": 0.8, "dice_low": 0.7, "dice_high": 0.9}, "dice") == "0.800 (0.700 to 0.900)"
