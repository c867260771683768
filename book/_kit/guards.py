"""What must hold for a twin before its comparison by nbval means anything."""

import nbformat

SWITCHES = ("nbval-ignore-output", "nbval-skip", "nbval-raises-exception")


def code_cells(path):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def excused(cell):
    """The cell declares, with a reason, that its output is not compared."""
    return bool(tags(cell) & set(SWITCHES)) and bool(
        cell.metadata.get("reason", "").strip()
    )


def expected_comparisons(path):
    """Cells with an output, less the declared exceptions."""
    return sum(bool(cell.outputs) and not excused(cell) for cell in code_cells(path))


def chapter_problems(path):
    """What makes the outputs of an executed notebook untrustworthy, as sentences."""
    problems = []
    for position, cell in enumerate(code_cells(path), 1):
        where = f"code cell {position}"
        if cell.execution_count != position:
            problems.append(
                f"{where} was not run in order (execution count {cell.execution_count})"
            )
        if tags(cell) & set(SWITCHES) and not excused(cell):
            problems.append(f"{where} switches nbval off without a reason")
        if "NBVAL_" in cell.source:
            problems.append(
                f"{where} talks to nbval in a comment: use a tag and a reason"
            )
        if cell.source.rstrip().endswith(";"):
            problems.append(f"{where} ends with ';', which nbval ignores")
        if any(output.get("name") == "stderr" for output in cell.outputs):
            problems.append(f"{where} writes to stderr")
    return problems
