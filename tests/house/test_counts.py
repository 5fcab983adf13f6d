"""A count in a sentence of the command line fits its noun: `dmsops.core.counting` writes both."""

import ast
import re

NOUNS = (
    "acts|artifacts|associations|bytes|checks|copies|days|documents|entries|errors|exposures|files|findings|gaps|hours|ingests|intervals|"
    "lines|messages|minutes|mnemonics|notices|objects|observations|packets|partitions|products|refusals|rows|samples|steps|subscriptions|"
    "times|tokens|visits"
)
SEVERAL = re.compile(rf" ([\w-]+ )?({NOUNS})\b")
"""A noun that stands for several, or one word and that noun."""
COUNTED = re.compile(r"(counting\.)?counted\(|program$|[A-Z_]+$")
"""What may stand before it: a counted thing, a program's name, a limit (a constant is never one)."""


def uncounted(tree):
    """Give the lines on which an f-string writes a value and then a noun for several; `3 of 5 files` may stand."""
    for text in (node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)):
        for before, value, after in zip([None, *text.values], text.values, text.values[1:], strict=False):
            if isinstance(value, ast.FormattedValue) and SEVERAL.match(words(after)) and not words(before).endswith(" of "):
                yield from () if COUNTED.match(ast.unparse(value.value)) else (value.lineno,)


def words(part):
    """Give the text between two values of an f-string; empty where there is none."""
    return part.value if isinstance(part, ast.Constant) else ""


def test_the_command_line_counts_by_the_one_helper(library):
    doors = [m for m in library if m.name.startswith("dmsops/cli/")]
    assert [f"{m.name}:{line}" for m in doors for line in uncounted(m.tree)] == []


def test_a_count_without_the_helper_is_seen():
    said = 'f"{n} steps", f"{len(rows):,} new files", f"{a} of {b} files", f"{counted(n, \'step\')} of files", f"{MOST} rows"'
    assert list(uncounted(ast.parse(said.replace(", f", "\nf")))) == [1, 2]
