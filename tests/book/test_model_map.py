"""The map of the field: its data, its drawing, and its table for notebooks."""

import itertools
import xml.etree.ElementTree as ElementTree

import pytest
import yaml

from book._kit import lower, model_map
from book._kit.chapter import BOOK, chapters

CHART = model_map.load()
ROWS = yaml.safe_load((BOOK / "map.yml").read_text("utf8"))


def address(slug):
    return f"{slug}.html"


def drawn(chart=CHART):
    return ElementTree.fromstring(model_map.svg(chart, address))


def box(link):
    rect = link.find("rect")
    x, y, width, height = (
        float(rect.get(name)) for name in ("x", "y", "width", "height")
    )
    return x, y, x + width, y + height


def corners(path):
    """The points of a path of M, H and V."""
    words = path.replace("M", "").replace("H", " H").replace("V", " V").split()
    points = [(float(words[0]), float(words[1]))]
    for word in words[2:]:
        x, y = points[-1]
        value = float(word[1:])
        points.append((value, y) if word[0] == "H" else (x, value))
    return points


def pieces():
    for line in drawn().findall("path"):
        points = corners(line.get("d"))
        yield from itertools.pairwise(points)


def test_every_network_leads_to_a_chapter():
    slugs = {chapter.slug for chapter in chapters()}
    assert {network.chapter for network in CHART.networks} <= slugs


def test_links_are_text_that_names_the_network():
    links = drawn().findall("a")
    assert [link.find("text").text for link in links] == [
        network.name for network in CHART.networks
    ]
    assert [link.get("href") for link in links] == [
        f"{network.chapter}.html" for network in CHART.networks
    ]


def test_no_box_lies_on_another_and_none_outside():
    drawing = drawn()
    _, _, width, height = map(float, drawing.get("viewBox").split())
    boxes = [box(link) for link in drawing.findall("a")]
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0 and top >= 0 and right <= width and bottom <= height
        for other in boxes[:number]:
            apart = (
                right <= other[0]
                or other[2] <= left
                or bottom <= other[1]
                or other[3] <= top
            )
            assert apart


def test_every_name_fits_into_its_box():
    """Letters of a sans-serif are half as wide as the font is high, on average."""
    for link in drawn().findall("a"):
        text = link.find("text")
        size = 10 if text.get("class") == "long" else 12
        assert 0.55 * size * len(text.text) < float(link.find("rect").get("width"))


def test_no_line_crosses_a_box():
    boxes = [box(link) for link in drawn().findall("a")]
    for (x1, y1), (x2, y2) in pieces():
        for left, top, right, bottom in boxes:
            outside = (
                max(x1, x2) <= left
                or min(x1, x2) >= right
                or max(y1, y2) <= top
                or min(y1, y2) >= bottom
            )
            assert outside, (x1, y1, x2, y2)


def test_lines_of_different_networks_never_lie_on_each_other():
    """Vertical pieces at one x belong to one network, or do not meet."""
    spans = []
    for (old, _), line in zip(CHART.lines, drawn().findall("path"), strict=True):
        points = corners(line.get("d"))
        for (x1, y1), (x2, y2) in itertools.pairwise(points):
            if x1 == x2:
                spans.append((x1, min(y1, y2), max(y1, y2), old))
    for number, (x, top, bottom, old) in enumerate(spans):
        for x2, top2, bottom2, old2 in spans[:number]:
            if x == x2 and old != old2:
                assert bottom <= top2 or bottom2 <= top


def test_a_line_begins_and_ends_at_its_networks():
    boxes = {
        network: box(link)
        for network, link in zip(CHART.networks, drawn().findall("a"), strict=True)
    }
    for (old, new), line in zip(CHART.lines, drawn().findall("path"), strict=True):
        points = corners(line.get("d"))
        for network, (x, y) in ((old, points[0]), (new, points[-1])):
            left, top, right, bottom = boxes[network]
            assert left <= x <= right and top <= y <= bottom
            assert x in (left, right) or y in (top, bottom)


def test_the_lines_are_said_in_words():
    text = drawn().find("desc").text
    for network in CHART.networks:
        for old in network.ancestors:
            assert f"{network.name} from" in text and old in text


def test_the_table_has_every_link():
    head, rule, *rows = model_map.table(CHART, address)
    assert head.startswith("| Year | One path |") and rule == "|---|---|---|---|"
    assert len(rows) == len(CHART.years)
    for network in CHART.networks:
        (row,) = [row for row in rows if row.startswith(f"| {network.year} ")]
        assert f"[{network.name}]({network.chapter}.html)" in row


def changed(tmp_path, number, **values):
    data = {**ROWS, "networks": [dict(row) for row in ROWS["networks"]]}
    data["networks"][number].update(values)
    path = tmp_path / "map.yml"
    path.write_text(yaml.safe_dump(data), "utf8")
    return path


@pytest.mark.parametrize(
    "number, values, message",
    [
        (1, {"colour": "red"}, "A network has"),
        (1, {"column": "elsewhere"}, "in one of the columns"),
        (1, {"name": "LeNet-5"}, "one row"),
        (1, {"from": ["ResNet"]}, "comes after those it starts from"),
        (1, {"year": 1998}, "in a later year"),
        (1, {"from": [], "year": 2020}, "comes after|order of years"),
    ],
)
def test_broken_rows_are_refused(tmp_path, number, values, message):
    with pytest.raises(ValueError, match=message):
        model_map.load(changed(tmp_path, number, **values))


def test_a_line_to_the_left_is_refused(tmp_path):
    last = len(ROWS["networks"]) - 1
    path = changed(tmp_path, last, column="One path")
    with pytest.raises(ValueError, match="down or to the right"):
        model_map.svg(model_map.load(path), address)


def test_a_notebook_gets_the_lines_in_words():
    (chapter,) = [each for each in chapters() if each.slug == "start/at_a_glance"]
    text = lower.Lowering(chapter, {}).lower("```{model-map}\n```")
    last = text.splitlines()[-1]
    assert text.startswith("| Year |") and last == model_map.sentence(CHART)
    assert "Inception-ResNet from Inception v3 and ResNet" in last
