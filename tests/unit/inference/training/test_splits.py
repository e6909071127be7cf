from inference.training.splits import MARGIN, WINDOW, split_by_number, split_patients

SITES = {f"patient {number:03d}": "ABCD"[number % 4] for number in range(80)}


def test_nobody_is_in_two_parts_and_nobody_is_lost() -> None:
    split = split_patients(SITES, seed=1)

    assert sorted(split.train + split.validation + split.test) == sorted(SITES)
    assert not set(split.train) & set(split.test)
    assert not set(split.train) & set(split.validation)


def test_every_site_is_in_every_part() -> None:
    split = split_patients(SITES, seed=1)

    for part in (split.train, split.validation, split.test):
        assert {SITES[name] for name in part} == set("ABCD")


def test_the_seed_alone_decides_the_split() -> None:
    shuffled = dict(reversed(SITES.items()))

    assert split_patients(SITES, seed=3) == split_patients(shuffled, seed=3)
    assert split_patients(SITES, seed=3) != split_patients(SITES, seed=4)


def test_training_pictures_keep_a_margin_from_the_held_out_windows() -> None:
    numbers: dict[str, int | None] = {f"picture {number}": number for number in range(3000)}

    held_out, unused = split_by_number(numbers, seed=1)
    held = sorted(numbers[name] or 0 for name in held_out)
    rest = [number or 0 for name, number in numbers.items() if name not in held_out | unused]

    assert len(held) % WINDOW == 0
    assert min(abs(a - b) for a in rest for b in (held[0], held[-1])) > MARGIN


def test_pictures_without_a_number_are_never_held_out() -> None:
    held_out, unused = split_by_number({"a": None, "b": None, "c": 5}, seed=1, share=1.0)

    assert held_out == {"c"}
    assert not unused
