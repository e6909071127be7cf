import numpy as np

from inference.postprocess import drop_specks, pool_suspicious, with_temperature


def test_parts_smaller_than_the_limit_go_and_the_rest_stays() -> None:
    mask = np.zeros((3, 10, 10), dtype=bool)
    mask[1, 1:5, 1:5] = True
    mask[0, 9, 9] = True

    kept = drop_specks(mask, voxel_volume=2.0, smallest=20.0)

    assert kept[1, 1:5, 1:5].all()
    assert kept.sum() == 16


def test_an_empty_mask_stays_empty() -> None:
    assert not drop_specks(np.zeros((2, 4, 4), dtype=bool), 1.0, 1.0).any()


def test_the_answer_is_pooled_from_the_most_suspicious_slices() -> None:
    scores = np.array([[0.0, 1.0]] * 12 + [[1.0, 0.0]] * 4)

    pooled = pool_suspicious(scores, suspicion=scores[:, 0], share=0.25)

    assert pooled.tolist() == [1.0, 0.0]


def test_a_short_series_is_pooled_from_all_its_slices() -> None:
    assert pool_suspicious(np.array([[0.2], [0.4]]), np.array([0.2, 0.4]), share=0.25).tolist() == [np.mean([0.2, 0.4])]


def test_a_temperature_of_one_leaves_scores_and_a_high_one_levels_them() -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.0, 0.0, 1.0]])

    same, level = with_temperature(scores, 1.0), with_temperature(scores, 3.0)

    np.testing.assert_allclose(same, scores, atol=1e-9)
    np.testing.assert_allclose(level.sum(axis=1), 1)
    assert level[0].argmax() == 0
    assert level[0, 0] < 0.7
