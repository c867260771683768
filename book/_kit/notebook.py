"""The notebook that a person opens, put together from a chapter's outline.

Cells that do not teach are collapsed forms with a title, in Colab (`cellView`) and in
Jupyter (`source_hidden`). Solutions are folded, and so is what their code prints.
"""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book._kit import outline
from book._kit.facts import facts_of
from book._kit.lower import Lowering
from book._kit.repository import package_address

FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}
SHUT = {
    "cellView": "form",
    "collapsed": True,
    "jupyter": {"source_hidden": True, "outputs_hidden": True},
}
FORMS = {
    outline.SETUP: FOLDED,
    outline.FIGURE: FOLDED,
    outline.CHECKER: FOLDED,
    outline.CHECK: SHUT,
    outline.SOLUTION: SHUT,
}


def title(code):
    """The line that a collapsed cell shows; the setup cell brings its own."""
    if code.role == outline.CHECK:
        return "Checks behind the text"
    if code.role == outline.CHECKER:
        return f"Checker of exercise {code.number}"
    if code.role == outline.SOLUTION:
        return f"Code of the solution to exercise {code.number}"
    if code.role == outline.FIGURE:
        return f"Code of figure {code.number}" if code.number else "Code of this output"
    return None


def code_cell(code):
    """A code cell as the notebook has it: folded or not, and not yet executed."""
    metadata = dict(FORMS.get(code.role, {}))
    if code.role == outline.STUB:
        metadata["tags"] = [outline.STUB]
    else:
        kept = code.cell.metadata.keys() & {"tags", "reason"}
        metadata |= {key: code.cell.metadata[key] for key in kept}
    source = code.source
    if code.role == outline.SETUP:
        source = source.replace("{address}", package_address())
    if line := title(code):
        source = f"#@title {line}\n{source}"
    return new_code_cell(source, metadata=metadata)


def is_stub(cell):
    return outline.STUB in cell.metadata.get("tags", [])


def is_visible(cell):
    """Whether a reader sees the code of a notebook's cell without opening it."""
    return cell.cell_type == "code" and "cellView" not in cell.metadata


def read_alone(cells):
    """The code cells of a reader who opens no form but the setup."""
    setup, *others = [cell for cell in cells if cell.cell_type == "code"]
    return [setup, *filter(is_visible, others)]


def assemble(chapter, cells, imported):
    """Put lowered prose around executed code cells."""
    lowering = Lowering(chapter, facts_of(cells))
    executed = iter(cells)
    body = []
    for piece in chapter.outline.pieces:
        body += written(piece, lowering, executed)
    if lowering.cited:
        body.append(new_markdown_cell(lowering.references()))
    for position, cell in enumerate(body):
        cell.id = f"{chapter.path.stem[:40]}-{position:03d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {
        "companion": imported,
        "kernelspec": kernel,
        "language_info": {"name": "python"},
    }
    return new_notebook(cells=body, metadata=metadata)


def written(piece, lowering, executed):
    """The notebook's cells for one piece of a chapter."""
    if isinstance(piece, outline.Code):
        return with_caption(piece, next(executed), lowering)
    if isinstance(piece, outline.Prose):
        text = lowering.lower(piece.text)
        return [new_markdown_cell(text)] if text else []
    write = (
        lowering.exercise if isinstance(piece, outline.Exercise) else lowering.solution
    )
    cells = [new_markdown_cell(write(piece))]
    for code in piece.code:
        cells += with_caption(code, next(executed), lowering)
    return cells


def with_caption(code, cell, lowering):
    """A code cell, followed by the caption of its figure."""
    mystnb = code.cell.metadata.get("mystnb", {}) if code.cell else {}
    if "figure" not in mystnb:
        return [cell]
    number = lowering.figures.get(mystnb["figure"].get("name"))
    label = f"Figure {number}." if number else "Figure."
    caption = lowering.lower(mystnb["figure"]["caption"])
    return [cell, new_markdown_cell(f"**{label}** {caption}")]
