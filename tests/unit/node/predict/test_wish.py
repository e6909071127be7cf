"""What the user wants."""

from pathlib import Path

from node.predict.wish import Wish


def test_no_model_named_means_all_and_a_model_named_twice_is_asked_once() -> None:
    assert Wish(Path("x"), (), (), Path("out"), False).asked(("a", "b")) == ("a", "b")
    assert Wish(Path("x"), (), ("b", "b"), Path("out"), False).asked(("a", "b")) == ("b",)
