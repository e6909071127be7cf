"""An analysis on one A4 page, as PDF: whose it is, what was found, numbers, pictures, how it came about."""

# reportlab has no types.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Sequence
from io import BytesIO
from xml.sax.saxutils import escape

from PIL import Image
from pydicom import Dataset
from reportlab import rl_config
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Frame, KeepInFrame, Paragraph, Spacer, Table
from reportlab.platypus import Image as Picture

from dicom_io import codes, wording
from dicom_io.context import Context
from dicom_io.heat import scale
from dicom_io.lettering import BOLD, REGULAR, readable
from dicom_io.picture import shown_slices, strip
from dicom_io.sheet import DISCLAIMER

Rows = list[list[Flowable]]

_EDGE = 15 * mm
_WIDTH = A4[0] - 2 * _EDGE
_PICTURE_HEIGHT = 138 * mm
_COLOURS = 256
_GREY, _LINE, _ALERT = HexColor("#555555"), HexColor("#bbbbbb"), HexColor("#9a3b00")


def draw_page(context: Context) -> bytes:
    """Return the page as a PDF file; the same analysis gives the same bytes.

    What is too long for one page is set smaller, never cut off.

    Raises
    ------
    OSError
        When a source file is gone.
    KeyError
        When a segment label has no codes, or the case lacks the series of the findings.
    dicom_io.errors.ResultMismatch
        When the explanation lies on another grid than the findings.
    """
    rl_config.useA85 = 0  # pixels in letters: a second longer to write, a fifth larger
    for name, path in (("Regular", REGULAR), ("Bold", BOLD)):
        pdfmetrics.registerFont(TTFont(name, str(path)))
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1, pageCompression=1, initialFontName="Regular")
    canvas.setTitle("AI analysis, research use only")
    canvas.setAuthor(context.equipment.manufacturer)
    height = A4[1] - 2 * _EDGE
    frame = Frame(_EDGE, _EDGE, _WIDTH, height, 0, 0, 0, 0)
    frame.addFromList([KeepInFrame(_WIDTH, height, _story(context), mode="shrink")], canvas)
    canvas.setFont("Bold", 8)
    canvas.setFillColor(_ALERT)
    canvas.drawCentredString(A4[0] / 2, 8 * mm, DISCLAIMER)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _story(context: Context) -> list[Flowable]:
    """Return all that stands on the page, from top to bottom."""
    return [
        _said("AI analysis of brain MR", size=16, bold=True),
        _said(DISCLAIMER, size=10, bold=True, colour=_ALERT),
        Spacer(0, 3 * mm),
        _facts(_patient(context)),
        Spacer(0, 4 * mm),
        _said(wording.sentence(context), size=12, bold=True),
        Spacer(0, 2 * mm),
        *_numbers(context),
        *_scores(context),
        _pictures(context),
        *_scale(context),
        Spacer(0, 3 * mm),
        *(_said(note, size=8) for note in wording.notes(context)),
        *(_said(text, size=8) for text in [wording.explanation(context)] if text),
        Spacer(0, 2 * mm),
        _facts(_provenance(context), size=7.5),
    ]


def _patient(context: Context) -> list[tuple[str, str]]:
    header = context.source.headers[0]
    return [
        ("Patient", _person(context)),
        ("Patient ID", _value(header, "PatientID")),
        ("Birth date, sex", f"{_date(header, 'PatientBirthDate')}, {_value(header, 'PatientSex')}"),
        ("Study", f"{_date(header, 'StudyDate')} {_value(header, 'StudyDescription')}"),
        ("Accession number", _value(header, "AccessionNumber")),
        ("Findings on", wording.series_line(context.volume)),
    ]


def _person(context: Context) -> str:
    """Return the patient's name: its Latin form where there is one, the name in the header is the one that counts."""
    name = context.source.patient_name.value
    family, _, given = str(getattr(name, "alphabetic", None) or name or "").partition("^")
    shown = readable(", ".join(filter(None, (family.strip(), given.replace("^", " ").strip()))))
    return shown or "-"


def _provenance(context: Context) -> list[tuple[str, str]]:
    algorithm, equipment = context.findings.algorithm, context.equipment
    inputs = (f"{wording.series_line(v)} ({len(v.sources)} slices)" for v in context.case.volumes.values())
    return [
        ("Model", f"{algorithm.name} {algorithm.full_version}, {equipment.qualification}"),
        ("Weights (SHA-256)", algorithm.weights_sha256),
        ("Device", f"{equipment.manufacturer}, {equipment.site}, serial {equipment.serial}"),
        ("Device UID", equipment.device_uid(algorithm)),
        ("Analysed", f"{context.created_at.astimezone():%Y-%m-%d %H:%M:%S %z}"),
        ("Input", "; ".join(inputs)),
        ("Study Instance UID", context.case.study_instance_uid),
    ]


def _numbers(context: Context) -> list[Flowable]:
    """Return the table of segments; nothing where none has voxels."""
    measured = wording.measured(context)
    if not measured:
        return []
    head = ("", "Segment", "Volume", "Longest diameter, and across", "Centre of mass", "Slices")
    rows: Rows = [[_said(text, size=8, bold=True) for text in head]]
    for one in measured:
        written = codes.segment_codes(one.label)
        swatch = Table([[""]], 3 * mm, 3 * mm, style=[("BACKGROUND", (0, 0), (-1, -1), _colour(written.colour))])
        across = f"{one.diameters.long_mm:.1f} x {one.diameters.short_mm:.1f} mm"
        texts = (written.name, f"{one.volume_cm3:.2f} cm³", across, wording.centre(one), str(one.slices))
        rows.append([swatch, *(_said(text) for text in texts)])
    widths = [6 * mm, 40 * mm, 23 * mm, 43 * mm, 53 * mm, 15 * mm]
    return [Table(rows, widths, style=_ruled(len(rows)), hAlign="LEFT"), Spacer(0, 3 * mm)]


def _scores(context: Context) -> list[Flowable]:
    """Return the table of scores; nothing where there are none."""
    bars = wording.scores(context)
    if not bars:
        return []
    rows: Rows = [[_said(text, size=8, bold=True) for text in (wording.SCORES_TITLE, "")]]
    rows += [[_said(bar.name), _said(f"{bar.value:.1%}")] for bar in bars]
    table = Table(rows, [60 * mm, 25 * mm], style=_ruled(len(rows)), hAlign="LEFT")
    return [table, Spacer(0, 3 * mm)]


def _pictures(context: Context) -> Flowable:
    volume, mask, attention = context.volume, context.findings.mask, wording.attention(context)
    slices = shown_slices(volume, mask, attention)
    drawn = Image.fromarray(strip(volume, mask, slices, wording.captions(context, slices), attention))
    factor = min(_WIDTH / drawn.width, _PICTURE_HEIGHT / drawn.height)
    return Picture(_reader(drawn), drawn.width * factor, drawn.height * factor)


def _scale(context: Context) -> list[Flowable]:
    """Say what the colours of an explanation mean; nothing where there are none."""
    attention = wording.attention(context)
    if attention is None or not attention.array.any():
        return []
    low, high = wording.ends(attention)
    colours = Picture(_reader(Image.fromarray(scale(_COLOURS)[None])), 35 * mm, 3 * mm)
    widths = [9 * mm, 38 * mm, _WIDTH - 47 * mm]
    return [Table([[_said(low, size=8), colours, _said(high, size=8)]], widths, style=_ruled(0), hAlign="LEFT")]


def _reader(drawn: Image.Image) -> BytesIO:
    png = BytesIO()
    drawn.save(png, "PNG", compress_level=1)  # reportlab packs the pixels again
    png.seek(0)
    return png


def _facts(facts: Sequence[tuple[str, str]], size: float = 9) -> Table:
    """Return names and values in two columns."""
    rows = [[_said(name, size=size, colour=_GREY), _said(value, size=size)] for name, value in facts]
    return Table(rows, [36 * mm, _WIDTH - 36 * mm], style=_TIGHT, hAlign="LEFT")


def _said(text: str, *, size: float = 9, bold: bool = False, colour: Color | None = None) -> Paragraph:
    """Return a text that breaks where it must, also within a long word."""
    name = "Bold" if bold else "Regular"
    style = ParagraphStyle(
        f"{name} {size}",
        fontName=name,
        fontSize=size,
        leading=size * 1.3,
        splitLongWords=1,
        textColor=colour or "black",
    )
    return Paragraph(escape(readable(text)), style)


_TIGHT = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]
_TIGHT += [(side, (0, 0), (-1, -1), 0.6) for side in ("TOPPADDING", "BOTTOMPADDING")]


def _ruled(rows: int) -> list[tuple[object, ...]]:
    """Return the style of a table of numbers: a line below its head and its end."""
    lines = [("LINEBELOW", (0, row), (-1, row), 0.5, _LINE) for row in ((0, rows - 1) if rows else ())]
    return [*lines, ("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (-1, -1), 2)]


def _colour(rgb: tuple[int, int, int]) -> Color:
    red, green, blue = (part / 255 for part in rgb)
    return Color(red, green, blue)


def _value(header: Dataset, keyword: str) -> str:
    return str(header.get(keyword) or "").strip() or "-"


def _date(header: Dataset, keyword: str) -> str:
    text = str(header.get(keyword) or "")
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdigit() else "-"
