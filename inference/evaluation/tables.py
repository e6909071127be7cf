"""Nested figures as Markdown tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence


def blocks(content: object, labels: Sequence[str] = (), level: int = 3) -> Iterator[str]:
    """Yield nested mappings as tables under headings.

    Parameters
    ----------
    content
        Numbers and words become a table of two columns; a mapping of mappings a table with a row for each; a square
        list of lists, such as a confusion matrix, a table with the labels on both sides.
    labels
        The classes of such a matrix, where it has as many.
    level
        Of the headings.
    """
    if not isinstance(content, Mapping):
        yield from (_words(content), "")
        return
    if level > 3 and content and all(_is_flat(one) for one in content.values()):
        yield from (*_rows(content), "")
        return
    plain = {key: value for key, value in content.items() if not isinstance(value, Mapping | list)}
    if plain:
        yield from (*scalars(plain), "")
    for key, value in content.items():
        if key in plain or not value:
            continue
        yield from (f"{'#' * min(level, 6)} {_title(key)}", "")
        if isinstance(value, list):
            yield from (*_list(value, labels), "")
        else:
            yield from blocks(value, labels, level + 1)


def scalars(content: Mapping[str, object]) -> Iterator[str]:
    """Yield a table of two columns, intervals beside what they are of."""
    merged = _with_intervals(content)
    return table(("figure", "value"), [[_name(key), value] for key, value in merged.items()])


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a Markdown table."""
    yield f"| {' | '.join(_name(column) for column in columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(_words(value) for value in row)} |"


def _rows(content: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    merged = {key: _with_intervals(value) for key, value in content.items()}
    columns = list(dict.fromkeys(column for row in merged.values() for column in row))
    return table(["", *columns], [[_name(key), *(row.get(c) for c in columns)] for key, row in merged.items()])


def _list(content: list[object], labels: Sequence[str]) -> Iterator[str]:
    square = all(isinstance(row, list) and len(row) == len(content) for row in content)
    if not square:
        return iter([", ".join(_words(value) for value in content)])
    names = list(labels) if len(labels) == len(content) else [str(number) for number in range(len(content))]
    rows = [[_name(name), *row] for name, row in zip(names, content, strict=True) if isinstance(row, list)]
    return table(["", *names], rows)


def _with_intervals(content: Mapping[str, object]) -> Mapping[str, object]:
    """Return the figures with ``x_low`` and ``x_high`` written behind ``x``."""
    bounds = {key: (content.get(f"{key}_low"), content.get(f"{key}_high")) for key in content}
    found = {key: pair for key, pair in bounds.items() if None not in pair}
    taken = {f"{key}_{end}" for key in found for end in ("low", "high")}
    return {
        key: f"{_words(value)} ({_words(found[key][0])} to {_words(found[key][1])})" if key in found else value
        for key, value in content.items()
        if key not in taken
    }


def _is_flat(value: object) -> bool:
    return isinstance(value, Mapping) and not any(isinstance(one, Mapping | list) for one in value.values())


def _words(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e5 else f"{value:.0f}"
    words = str(value).replace("|", "\\|")
    return f"`{words}`" if words.startswith("python -m ") else words


def _name(key: str) -> str:
    """Return a key as words; names of patients and of models, which have a reason to look as they do, as code."""
    if key.startswith("`"):
        return key
    return f"`{key}`" if key.startswith("TCGA_") else key.replace("_", " ")


def _title(key: str) -> str:
    name = _name(key)
    return name[:1].upper() + name[1:]
