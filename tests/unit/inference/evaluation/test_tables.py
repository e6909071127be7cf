from inference.evaluation.tables import blocks, scalars


def page(content: object, labels: tuple[str, ...] = ()) -> str:
    return "\n".join(blocks(content, labels))


def test_numbers_become_a_table_of_two_columns_with_intervals_beside_them() -> None:
    lines = list(scalars({"pictures": 630, "accuracy": 0.9429, "accuracy_low": 0.92, "accuracy_high": 0.96}))

    assert lines == [
        "| figure | value |",
        "|---|---|",
        "| pictures | 630 |",
        "| accuracy | 0.9429 (0.92 to 0.96) |",
    ]


def test_a_bound_without_its_partner_stays_a_figure_of_its_own() -> None:
    assert "| dice low | 0.5 |" in list(scalars({"dice": 0.8, "dice_low": 0.5}))


def test_mappings_of_one_shape_become_rows_of_one_table() -> None:
    assert page({"report": {"no_tumour": {"recall": 0.5, "members": 3}, "mean": {"recall": None}}}) == (
        "### Report\n\n|  | recall | members |\n|---|---|---|\n| no tumour | 0.5 | 3 |\n| mean |  |  |\n"
    )


def test_a_square_list_of_lists_has_the_labels_on_both_sides() -> None:
    text = page({"confusion": [[5, 1], [0, 7]]}, ("a", "b"))

    assert "### Confusion\n\n|  | a | b |\n|---|---|---|\n| a | 5 | 1 |\n| b | 0 | 7 |" in text


def test_deeper_figures_have_deeper_headings() -> None:
    text = page({"calibration": {"temperature": 1.5, "after": {"error": 0.1}, "bins": [1, 2, 3]}})

    assert "### Calibration" in text
    assert "| temperature | 1.5 |" in text
    assert "#### After" in text
    assert "1, 2, 3" in text


def test_a_command_is_code_and_a_bar_does_not_break_the_table() -> None:
    assert "| command | `python -m x` |" in page({"command": "python -m x", "name": "a|b"})
    assert "| name | a\\|b |" in page({"command": "python -m x", "name": "a|b"})


def test_words_alone_stand_as_they_are() -> None:
    assert page("not measured") == "not measured\n"
