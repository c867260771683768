"""A small book in a temporary folder, for tests that break it."""

import pytest

from book._kit.chapter import SETUP_CELL, Chapter

PAGE = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
book:
  id: ch99
  questions: []
  objectives: [count, count more]
  prerequisites: []
  needs: nothing but Python
  companion: [companion.scratch]
---

# Demo: numbers that were counted

```{opening}
```

```{code-cell} ipython3
:tags: [remove-cell]

SETUP
```

There are {glue:text}`things:,d` things in {eq}`eq-things`, as `x[0](y)` shows.

$$
n = 2
$$ (eq-things)

```{code-cell} ipython3
from companion import results
from companion.scratch import convolution

run = results.load("import_time")
things = 1200 + 34
print(things)
```

```{code-cell} ipython3
:tags: [remove-cell]

glue("things", things)
```

```{exercise} ★ recall: How many?
:label: ex-demo-things
How many are there?
```

```{solution} ex-demo-things
:class: dropdown
There are {glue:text}`things`, see [this page](/book/demo/page.md).
```

````{exercise} ★★ code: Twice
:label: ex-demo-twice
Write it:

```python
def twice(x):
    "Two times x."
```
````

```{code-cell} ipython3
def check_twice(function):
    "Name the mistake."
    assert function(things) == 2468
```

````{solution-start} ex-demo-twice
:class: dropdown
````

```{code-cell} ipython3
def twice(x):
    return x + x

check_twice(twice)
```

A {term}`stride` has nothing to do with it, nor has [speed](../back/speed.md).

````{solution-end}
````

```{code-cell} ipython3
---
tags: [hide-input]
mystnb:
  image: {alt: a line that rises}
  figure: {caption: "A line, see {numref}`fig-line`.", name: fig-line}
---
import matplotlib.pyplot as plt

plt.plot([1, 2])
plt.show()
```
""".replace("SETUP", SETUP_CELL)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A chapter in a book of its own."""
    path = tmp_path_factory.mktemp("repo") / "book" / "demo" / "page.md"
    path.parent.mkdir(parents=True)
    path.write_text(PAGE, "utf8")
    (path.parents[1] / "back").mkdir()
    (path.parents[1] / "back" / "speed.md").write_text("# Speed\n", "utf8")
    return Chapter(path, path.parents[1])
