from dicom_io.findings import Algorithm, Findings, Score
from node.report import JobReport

FINDINGS = Findings(
    algorithm=Algorithm("segment_unet2d", "0.1.0", "abcdef0123456789"),
    task="segmentation",
    series_instance_uid="1.2",
    present=True,
    scores=(Score("flair_abnormality", 0.87654321),),
    mask=None,
    summary="FLAIR abnormality of 3.0 cm3",
)


def test_a_report_comes_back_from_its_json() -> None:
    report = JobReport.of(FINDINGS, {"read": 0.5, "model": 1.25}, ["T1 registered to FLAIR: 2.1 mm"])

    assert JobReport.from_json(report.to_json()) == report
    assert report.notes == ("T1 registered to FLAIR: 2.1 mm",)


def test_a_report_names_the_build_and_rounds_the_scores() -> None:
    report = JobReport.of(FINDINGS, {})

    assert report.algorithm == "segment_unet2d 0.1.0+wabcdef01"
    assert report.scores == {"flair_abnormality": 0.8765}
