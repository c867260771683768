"""What the book adds to Sphinx: facts in prose, generated pages, openings."""

from collections import Counter
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.domains.std import make_glossary_term
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from book._kit import claims, glossary, model_map, questions
from book._kit.chapter import Chapter, chapters, opening
from book._kit.facts import facts, render, split_quote
from book._kit.repository import (
    colab_url,
    package_address,
    repository_url,
    site_url,
)
from companion import results

logger = logging.getLogger(__name__)


def book_folder(app):
    return Path(app.srcdir) / "book"


class Fact(SphinxRole):
    """{glue:text}`name:format`; another chapter's: {glue:text}`slug::name:format`."""

    def run(self):
        slug, name, spec = split_quote(self.text)
        try:
            text = render(self.facts_of(slug)[name], spec)
        except FileNotFoundError:
            return self.complain(f"{slug or 'this page'} has no executed twin")
        except KeyError:
            return self.complain(f"{slug or 'this page'} glues no {name!r}")
        except ValueError as error:
            return self.complain(f"{name!r} cannot be written so: {error}")
        return [nodes.Text(text)], []

    def facts_of(self, slug):
        book = book_folder(self.env.app)
        page = (
            book / f"{slug}.md" if slug else Path(self.env.doc2path(self.env.docname))
        )
        twin = page.with_suffix(".ipynb")
        self.env.note_dependency(str(twin))
        key = f"facts of {twin}"
        if key not in self.env.temp_data:
            self.env.temp_data[key] = facts(twin)
        return self.env.temp_data[key]

    def complain(self, message):
        logger.warning(message, location=self.get_location(), type="fact")
        return [nodes.problematic(self.rawtext, self.rawtext)], []


class ClaimsCount(SphinxRole):
    """{claims-count}`notes`: how many claims there are, in all or with a verdict."""

    def run(self):
        path = book_folder(self.env.app) / "claims.yml"
        self.env.note_dependency(str(path))
        counts = verdict_counts(claims.load(path).claims)
        if self.text in counts:
            return [nodes.Text(str(counts[self.text]))], []
        message = f"count one of {', '.join(counts)}, not {self.text!r}"
        logger.warning(message, location=self.get_location(), type="claims")
        return [nodes.problematic(self.rawtext, self.rawtext)], []


class OutputsCount(SphinxRole):
    """{outputs-count}`compared`: how many outputs of all chapters nbval compares.

    ``ignored`` are those that it does not, because they cannot be the same elsewhere.
    """

    def run(self):
        counts = Counter()
        for chapter in chapters(book_folder(self.env.app)):
            if chapter.twin.exists():
                self.env.note_dependency(str(chapter.twin))
                counts += outputs_of(chapter.read_twin())
        if self.text in ("compared", "ignored"):
            return [nodes.Text(f"{counts[self.text]:,d}")], []
        message = f"count one of compared, ignored, not {self.text!r}"
        logger.warning(message, location=self.get_location(), type="claims")
        return [nodes.problematic(self.rawtext, self.rawtext)], []


def outputs_of(notebook):
    """Count the cells with outputs: compared, or ignored by their tag."""
    return Counter(
        "ignored"
        if "nbval-ignore-output" in cell.metadata.get("tags", [])
        else "compared"
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.outputs
    )


class InstallLine(SphinxRole):
    """{install-line}`package`: what installs the package from this copy's home."""

    def run(self):
        line = f'pip install "cnn-companion @ {package_address()}"'
        return [nodes.literal(line, line, classes=["install-line"])], []


def verdict_counts(rows):
    """Count the notes' claims, in all and by verdict ("context" for short)."""
    verdicts = Counter(r.verdict for r in rows if claims.NOTES_ID.fullmatch(r.id))
    counts = {verdict.split()[-1]: verdicts[verdict] for verdict in claims.VERDICTS}
    return {"notes": verdicts.total(), **counts}


class Generated(SphinxDirective):
    """A directive without content that writes MyST from the book's data."""

    @property
    def book(self):
        return book_folder(self.env.app)

    def parse(self, text):
        holder = nodes.Element()
        lines = StringList(text.splitlines(), source=self.env.docname)
        self.state.nested_parse(lines, 0, holder)
        return holder.children

    def section(self, title, content):
        section = nodes.section(ids=[nodes.make_id(title)], names=[])
        section += nodes.title(title, title)
        section += content
        self.state.document.note_explicit_target(section)
        return section

    def checked_claims(self):
        """Yield each chapter with its claims and their executed values."""
        path = self.book / "claims.yml"
        self.env.note_dependency(str(path))
        rows = claims.load(path).claims
        for chapter in sorted(chapters(self.book), key=lambda c: c.meta["id"]):
            if not chapter.twin.exists():
                continue
            self.env.note_dependency(str(chapter.twin))
            found = chapter.facts
            yield (
                chapter,
                [
                    (row, found.get(row.id))
                    for row in sorted(rows, key=severity)
                    if row.chapter == chapter.slug and (row.citation or row.id in found)
                ],
            )

    def by_chapter(self, wanted, write):
        """A section for each chapter with wanted claims, as `write` puts them."""
        sections = []
        for chapter, checked in self.checked_claims():
            if found := [write(*claim) for claim in checked if wanted(claim[0])]:
                link = f"{{doc}}`Read the chapter </book/{chapter.slug}>`"
                text = self.parse("\n\n".join([link, *found]))
                sections.append(self.section(chapter.title, text))
        return sections


def severity(claim):
    return claims.VERDICTS.index(claim.verdict), claim.id


def outcome(claim, value):
    """Say what a claim was held against, where, and what came out.

    Whether something held is a word about the check, not about the network: the truth
    says it in a sentence, so that "yes, yes, no" is never printed.
    """
    if claim.citation:
        where, quoted = claim.check["locator"], claim.check["value"]
        return f"{{cite:t}}`{claim.citation}`, {where}: **{quoted}**."
    if not claims.has_bool(value):
        came = claims.shown(value)
        return f"Computed: **{came}**, as expected from {claim.expected_from}."
    numbers = claims.without_bools(value)
    came = f"Computed: **{claims.shown(numbers)}**. " if numbers else ""
    held = ": it holds" if claim.verdict == "right" and not claim.truth else ""
    return f"{came}Compared in code with {claim.expected_from}{held}."


class Errata(Generated):
    """Every claim of the notes with its verdict, grouped by chapter."""

    def run(self):
        rows = claims.load(self.book / "claims.yml").claims
        counts = verdict_counts(rows)
        summary = (
            f"{counts['notes']} claims of the notes were checked: "
            f"{counts['wrong']} wrong, {counts['imprecise']} imprecise, "
            f"{counts['context']} in need of context, {counts['right']} right."
        )
        of_notes = self.by_chapter(
            lambda claim: claims.NOTES_ID.fullmatch(claim.id), erratum
        )
        return [*self.parse(summary), *of_notes]


def erratum(claim, value):
    """A claim of the notes and what came out, as MyST."""
    line = f"**{claim.id}** ({claim.source}). {claim.statement}"
    truth = claim.truth_with(value)
    if claim.verdict == "right":
        return f"- {line} *Right.* {truth} {outcome(claim, value)}"
    verdict = f"**{claim.verdict.capitalize()}.**"
    return f"{line}\n\n> {verdict} {truth}\n> {outcome(claim, value)}"


class WrongNumbers(Generated):
    """Numbers that readers meet elsewhere and that do not hold."""

    def run(self):
        return self.by_chapter(lambda claim: claim.elsewhere, wrong_number)


def wrong_number(claim, value):
    return (
        f"**{claim.statement}** Met in {claim.elsewhere}.\n\n"
        f"> {claim.truth_with(value)} {outcome(claim, value)}"
    )


class CourseGlossary(Generated):
    """The glossary that `{term}` links to, and a table from Chinese to English."""

    def run(self):
        path = self.book / "glossary.yml"
        self.env.note_dependency(str(path))
        entries = glossary.load(path)
        definitions = nodes.definition_list(classes=["glossary"])
        table = []
        for entry in entries:
            term = self.term(entry)
            text = entry.definition
            if entry.chapter:
                text += f" See {{doc}}`/book/{entry.chapter}`."
            meaning = nodes.definition("", *self.parse(text))
            definitions += nodes.definition_list_item("", term, meaning)
            table.append((entry.zh, entry.term, term["ids"][0]))
        return [
            addnodes.glossary("", definitions, sorted=False),
            self.section("Chinese to English", [chinese_table(sorted(table))]),
        ]

    def term(self, entry):
        """Make the entry's heading, under all of its names."""
        term = make_glossary_term(
            self.env,
            [nodes.Text(entry.term)],
            None,
            self.env.docname,
            self.lineno,
            entry.anchor,
            self.state.document,
        )
        term += [nodes.Text(" "), chinese(entry.zh)]
        place = self.env.docname, term["ids"][0]
        domain = self.env.get_domain("std")
        domain.note_object("term", entry.zh, place[1], location=term)
        for name in entry.names:
            domain._terms[name] = place
        return term


def chinese(text):
    """Chinese text that a screen reader pronounces as Chinese."""
    return nodes.inline(text, text, classes=["language-zh"])


def chinese_table(rows):
    """A table of (Chinese, English, id of the glossary entry)."""
    body = [
        (chinese(zh), nodes.reference("", english, refid=target, internal=True))
        for zh, english, target in rows
    ]
    return table_of((chinese("中文"), nodes.Text("English")), body, (1, 2))


def table_of(head, body, widths):
    columns = [nodes.colspec(colwidth=width) for width in widths]
    rows = nodes.tbody("", *(row_of(*cells) for cells in body))
    head = nodes.thead("", row_of(*head))
    group = nodes.tgroup("", *columns, head, rows, cols=len(widths))
    return nodes.table("", group)


def row_of(*cells):
    return nodes.row(
        "", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells)
    )


class Benchmark(Generated):
    """The kept result of a benchmark: a table, the machine, and the command."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        self.env.note_dependency(str(results.FOLDER / f"{name}.json"))
        result = results.load(name)
        rows = result.pop("rows")
        title, command = result.pop("question"), result.pop("command")
        setting = ", ".join(f"{key} {it}" for key, it in result.items() if it)
        head = map(nodes.Text, rows[0])
        body = [map(nodes.Text, map(measured, row.values())) for row in rows]
        table = table_of(head, body, [1] * len(rows[0]))
        wide = nodes.container("", table, classes=["measured", "full-width"])
        made = self.parse(f"Made with `{command}`: {setting}.")
        return [*self.parse(f"**{title}**"), wide, *made]


def measured(value):
    """Numbers with three digits; a dash where nothing was measured."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return str(value)


class Fold(nodes.General, nodes.Element):
    """HTML's <details>: opens and closes without a script, by mouse and keyboard."""


class FoldTitle(nodes.General, nodes.TextElement):
    """The line of a `Fold` that stays: HTML's <summary>."""


def open_fold(writer, node):
    topic = {"data-topic": node["topic"]}
    writer.body.append(writer.starttag(node, "details", CLASS="question", **topic))


def close_fold(writer, node):
    writer.body.append("</details>\n")


def open_title(writer, node):
    writer.body.append(writer.starttag(node, "summary", ""))


def close_title(writer, node):
    writer.body.append("</summary>\n")


class Questions(Generated):
    """The questions by topic, each folded, then those whose chapter is to come."""

    def run(self):
        path = self.book / "questions.yml"
        self.env.note_dependency(str(path))
        rows = questions.load(path)
        answered = [question for question in rows if question.chapter]
        titles = {chapter.slug: chapter.title for chapter in chapters(self.book)}
        written = self.parse(f"{len(answered)} of {len(rows)} have their chapter.")
        for part, groups in questions.topics(rows, self.book):
            content = []
            for slug, group in groups:
                folds = [self.fold(question, titles) for question in group]
                content.append(self.section(titles[slug], folds))
            written.append(self.section(part, content))
        if waiting := [question for question in rows if question.part]:
            written.append(self.section("To come", self.waiting(waiting)))
        return written

    def fold(self, question, titles):
        """A question that is read first, and its answer, which is looked at after."""
        line = f"{question.id[1:]} · {question.title}"
        fold = Fold(ids=[question.id.lower()], names=[], topic=question.chapter)
        fold += FoldTitle(line, line)
        if question.zh != question.title:
            fold += chinese_line(question.zh)
        fold += self.parse(answer(question, titles))
        self.state.document.note_explicit_target(fold)
        return fold

    def waiting(self, rows):
        written = []
        for part in dict.fromkeys(question.part for question in rows):
            written += self.parse(f"**{part}**")
            written.append(nodes.bullet_list("", *map(item_of, rows_of(rows, part))))
        return written


def rows_of(rows, part):
    return [question for question in rows if question.part == part]


def item_of(question):
    line = nodes.paragraph("", f"{question.id[1:]} · {question.title} ")
    if question.zh != question.title:
        line += chinese(question.zh)
    return nodes.list_item("", line)


def answer(question, titles):
    """The answer as MyST, with a link to the section that shows it."""
    anchor = questions.anchor(question.section)
    return (
        f"{question.answer} Shown in [{question.section}]"
        f"(/book/{question.chapter}.md#{anchor}), of *{titles[question.chapter]}*."
    )


def chinese_line(text):
    return nodes.paragraph("", "", chinese(text))


class MapOfNetworks(nodes.General, nodes.Element):
    """The map of the field, whose links depend on the page that it stands on."""


def draw_map(writer, node):
    builder = writer.builder

    def address(slug):
        return builder.get_relative_uri(builder.current_docname, f"book/{slug}")

    writer.body.append(model_map.svg(node["chart"], address))
    raise nodes.SkipNode


class ModelMap(Generated):
    """Networks by year, each a link to its chapter, with lines to their ancestors."""

    def run(self):
        path = self.book / "map.yml"
        self.env.note_dependency(str(path))
        chart = model_map.load(path)
        for network in chart.networks:
            if f"book/{network.chapter}" not in self.env.found_docs:
                message = f"the map leads to {network.chapter}, which is no page"
                logger.warning(message, location=self.get_location(), type="map")
        return [MapOfNetworks(chart=chart)]


class Opening(Generated):
    """What stands under a chapter's title: aims, prerequisites, paper, Colab."""

    def run(self):
        path = Path(self.env.doc2path(self.env.docname))
        chapter = Chapter(path, self.book)
        link = f"[Open this chapter in Colab]({colab_url(chapter.slug)})"
        return self.parse(opening(chapter, link))


def warn_of_data(app):
    """A build with warnings as errors fails where a claim or answer does not hold."""
    book = book_folder(app)
    for problem in claims.problems(book):
        logger.warning(problem, type="claims")
    for problem in questions.problems(questions.load(book / "questions.yml"), book):
        logger.warning(problem, type="questions")


def name_the_repository(app, config):
    """The theme's buttons lead to the repository that this copy came from."""
    if config.html_theme == "sphinx_book_theme":
        config.html_theme_options["repository_url"] = repository_url()
        config.html_baseurl = site_url()


def cite_without_list_role(app, pagename, templatename, context, doctree):
    """Docutils marks the bibliography as an ARIA list, but none of its children as
    items; screen readers are told nothing rather than that."""
    if "body" in context:
        context["body"] = context["body"].replace(
            '<div role="list" class="citation-list">', '<div class="citation-list">'
        )


def setup(app):
    app.setup_extension("myst_nb")
    app.add_role_to_domain("glue", "text", Fact(), override=True)
    app.add_role("claims-count", ClaimsCount())
    app.add_role("install-line", InstallLine())
    app.add_role("outputs-count", OutputsCount())
    app.add_directive("errata", Errata)
    app.add_directive("wrong-numbers", WrongNumbers)
    app.add_directive("course-glossary", CourseGlossary)
    app.add_directive("benchmark", Benchmark)
    app.add_directive("questions", Questions)
    app.add_node(Fold, html=(open_fold, close_fold))
    app.add_node(FoldTitle, html=(open_title, close_title))
    app.add_node(MapOfNetworks, html=(draw_map, None))
    app.add_directive("model-map", ModelMap)
    app.add_directive("opening", Opening)
    app.connect("config-inited", name_the_repository)
    app.connect("builder-inited", warn_of_data)
    app.connect("html-page-context", cite_without_list_role)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
