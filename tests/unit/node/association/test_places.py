"""Places for associations: one number for ours and the library's."""

from threading import Barrier, Thread

from node.association.places import Places


def test_a_place_is_had_until_all_are_taken_and_again_when_one_is_left() -> None:
    places = Places(2, others=lambda: 0)

    assert [places.take() for _ in range(3)] == [True, True, False]
    places.give_back()

    assert places.take()


def test_those_of_the_library_count() -> None:
    served = [1]
    places = Places(3, others=lambda: served[0])

    assert places.take()
    assert (places.left_for_others, places.taken) == (2, 1)
    served[0] = 2

    assert not places.take()


def test_the_library_is_left_nothing_when_all_are_taken() -> None:
    places = Places(1, others=lambda: 0)
    places.take()

    assert places.left_for_others == 0


def test_no_two_get_the_last_place() -> None:
    places, barrier, had = Places(5, others=lambda: 0), Barrier(20), list[bool]()

    def come() -> None:
        barrier.wait()
        had.append(places.take())

    callers = [Thread(target=come) for _ in range(20)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert sum(had) == places.taken == 5
