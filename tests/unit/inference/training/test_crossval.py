from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.training.crossval import OutOfFold, caution, cross_validate, hits_of, split_of, stratified_folds
from inference.training.fit import Run
from inference.training.recipe import Stage
from inference.training.recipes.subtype_resnet50 import RECIPE

TRUTH = {f"p{number:02d}": number % 3 for number in range(30)}


def answers(right: int, n: int = 100, majority: int = 50) -> OutOfFold:
    truth = np.array([0] * majority + [1] * (n - majority))
    said = np.where(np.arange(n) < right, truth, 1 - truth)
    names = tuple(f"p{number:03d}" for number in range(n))
    return OutOfFold(names, truth, np.eye(2)[said][None])


def test_every_patient_is_tested_once_a_repeat_and_never_trained_on_then() -> None:
    folds = stratified_folds(TRUTH, 5, 2, 7)

    assert len(folds) == 10
    for repeat in (0, 1):
        tested = [name for fold in folds if fold.repeat == repeat for name in fold.test]
        assert sorted(tested) == sorted(TRUTH)
    for fold in folds:
        assert set(fold.train) == set(TRUTH) - set(fold.test)


def test_folds_have_equal_shares_of_the_classes() -> None:
    for fold in stratified_folds(TRUTH, 5, 1, 7):
        assert sorted(TRUTH[name] for name in fold.test) == [0, 0, 1, 1, 2, 2]


def test_folds_repeat_with_the_seed_and_differ_without() -> None:
    assert stratified_folds(TRUTH, 5, 1, 7) == stratified_folds(TRUTH, 5, 1, 7)
    assert stratified_folds(TRUTH, 5, 1, 7) != stratified_folds(TRUTH, 5, 1, 8)
    first, second = stratified_folds(TRUTH, 5, 2, 7)[::5]
    assert first.test != second.test


def test_the_split_names_the_test_patients() -> None:
    fold = stratified_folds(TRUTH, 5, 1, 7)[2]

    split = split_of(fold)

    assert split["test"] == " ".join(fold.test)
    assert (split["repeat"], split["fold"]) == (0, 2)


def test_answers_come_back_from_the_lines_that_cards_keep() -> None:
    probabilities = np.random.default_rng(0).dirichlet((1, 1, 1), (2, 4)).round(4)
    found = OutOfFold(("a", "b", "c", "d"), np.array([0, 1, 2, 0]), probabilities)

    again = OutOfFold.of_rows(found.rows(), 3)

    assert again.names == found.names
    np.testing.assert_array_equal(again.truth, found.truth)
    np.testing.assert_allclose(again.probabilities, probabilities, atol=1e-9)


def test_hits_are_the_mean_over_repeats() -> None:
    one = answers(60).probabilities[0]
    other = answers(70).probabilities[0]
    found = OutOfFold(answers(60).names, answers(60).truth, np.stack([one, other]))

    assert hits_of(found) == 65


def test_what_does_not_clearly_beat_the_commonest_class_says_so_with_the_numbers() -> None:
    assert caution(answers(58)) == (
        "Not shown to be better than chance: right in 58 of 100 patients in cross-validation (58%, 95 % confidence "
        "interval 48% to 67%), while naming the commonest class is right in 50%"
    )


def test_what_beats_it_but_is_often_wrong_is_not_called_reliable() -> None:
    assert caution(answers(70)).startswith("Better than chance, but not reliable: right in 70 of 100 patients")


def test_one_repeat_that_does_not_beat_it_is_enough_for_the_caution() -> None:
    names, truth = answers(55).names, answers(55).truth
    both = np.concatenate([answers(75).probabilities, answers(55).probabilities])

    assert caution(OutOfFold(names, truth, both)).startswith("Not shown to be better than chance: right in 65 of 100")


def test_what_is_nearly_always_right_needs_no_caution() -> None:
    assert caution(answers(99)) == ""


def test_a_stage_that_would_choose_by_the_test_patients_is_refused(tmp_path: Path) -> None:
    recipe = replace(RECIPE, stages=(Stage(96, 1, 1e-3),))

    with pytest.raises(ValueError, match="cannot be cross-validated"):
        cross_validate(recipe, Run(tmp_path, tmp_path, 7))
