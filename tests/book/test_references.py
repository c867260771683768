"""The bibliography is complete, consistent, and enough for every page that cites it."""

import re
from urllib.parse import urlsplit

import pytest
import yaml
from pybtex.database import parse_file

from book._kit.chapter import BOOK
from book._kit.lint import pages
from book._kit.page import CITED

ENTRIES = parse_file(BOOK / "references.bib").entries
VENUES = ("journal", "booktitle", "publisher", "howpublished", "institution")


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_says_who_what_where_and_when(key):
    entry = ENTRIES[key]
    assert entry.persons["author"]
    assert entry.fields["title"]
    assert any(entry.fields.get(venue) for venue in VENUES)
    assert 1900 < int(entry.fields["year"]) < 2030


@pytest.mark.parametrize("key", ENTRIES)
def test_a_key_is_first_author_year_and_a_word(key):
    name, year, word = re.fullmatch(r"([a-z]+)(\d{4})([a-z]+)", key).groups()
    first = ENTRIES[key].persons["author"][0].last_names[-1]
    assert name == re.sub(r"[^a-z]", "", first.lower())
    assert year == ENTRIES[key].fields["year"]
    assert word


@pytest.mark.parametrize("key", ENTRIES)
def test_an_address_is_permanent(key):
    url = ENTRIES[key].fields.get("url")
    if url is None:
        assert ENTRIES[key].type != "misc"
        return
    is_code = ENTRIES[key].fields.get("howpublished", "").startswith("Code; ")
    assert urlsplit(url).netloc in (
        {"github.com"} if is_code else {"doi.org", "arxiv.org"}
    )
    if "arxiv.org" in url:
        short_year = re.fullmatch(r"https://arxiv.org/abs/(\d\d)\d\d\.\d{4,5}", url)[1]
        years = int(ENTRIES[key].fields["year"]) - (2000 + int(short_year))
        assert -1 <= years <= 2


def test_no_work_has_two_entries():
    titles = [re.sub(r"\W", "", e.fields["title"].lower()) for e in ENTRIES.values()]
    assert len(titles) == len(set(titles))


# Where a reader finds the work: journal, volume, pages.
KNOWN = {
    "hubel1962receptive": ("Journal of Physiology", "160", "106--154"),
    "lecun1998gradient": ("Proceedings of the IEEE", "86", "2278--2324"),
    "rumelhart1986backprop": ("Nature", "323", "533--536"),
    "fukushima1980neocognitron": ("Biological Cybernetics", "36", "193--202"),
    "riesenhuber1999hierarchical": ("Nature Neuroscience", "2", "1019--1025"),
    "srivastava2014dropout": (
        "Journal of Machine Learning Research",
        "15",
        "1929--1958",
    ),
}


@pytest.mark.parametrize("key", KNOWN)
def test_journal_volume_and_pages(key):
    fields = ENTRIES[key].fields
    assert (fields["journal"], fields["volume"], fields["pages"]) == KNOWN[key]


def test_every_citation_has_an_entry():
    cited = {key for page in pages() for key in page.cited}
    for name in ("claims.yml", "glossary.yml"):
        for text in strings(yaml.safe_load((BOOK / name).read_text("utf8"))):
            cited |= {key for group in CITED.findall(text) for key in group.split(",")}
    assert "jia2014caffe" in cited
    assert cited <= set(ENTRIES)


def strings(data):
    if isinstance(data, str):
        yield data
    elif isinstance(data, (list, dict)):
        for item in data.values() if isinstance(data, dict) else data:
            yield from strings(item)
