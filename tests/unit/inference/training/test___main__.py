import sys
from pathlib import Path

import pytest

from inference.training.__main__ import main


@pytest.mark.parametrize(
    ("model", "protocol", "reason"),
    [
        ("segment_unet2d", "leaps", "there are: patients, slices"),
        ("grade_cnn3d", "everybody", "cross-validated"),
    ],
)
def test_a_protocol_that_there_is_not_is_refused(
    model: str,
    protocol: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = ["--data", str(tmp_path), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["training", model, *places, "--protocol", protocol])

    with pytest.raises(SystemExit):
        main()

    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
