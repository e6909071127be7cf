from inference.exploration.distribution import counts, spread


def test_a_spread_has_the_quartiles() -> None:
    assert spread([4, 1, 2, 3, 5]) == {
        "count": 5,
        "lowest": 1.0,
        "first_quartile": 2.0,
        "median": 3.0,
        "third_quartile": 4.0,
        "highest": 5.0,
    }


def test_nothing_has_no_quartiles() -> None:
    assert spread([]) == {"count": 0}


def test_the_commonest_come_first_and_the_rare_ones_together() -> None:
    assert list(counts("aabbbcde", most=3).items()) == [("b", 3), ("a", 2), ("c", 1), ("others", 2)]
    assert counts("ab") == {"a": 1, "b": 1}
