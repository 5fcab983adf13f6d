"""The text of an ADQL query as a tree: sqlglot's parser with ADQL's words and no others.

Functions stay what their text says (`exp.Anonymous`); the translation knows which there are.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadInput

if TYPE_CHECKING:
    from sqlglot import exp

LONGEST = 200_000
"""Characters of a query."""
DEEPEST = 60
"""Parentheses within each other."""
MOST_WORDS = 12_000
"""Words and signs of a query."""
REMEDY = "Correct the query at the place named above; the tables and columns that there are stand in TAP_SCHEMA (procedure P17)."
_WORDS = frozenset({
    "ALL", "AND", "AS", "ASC", "BETWEEN", "BIGINT", "CASE", "CHAR", "CROSS", "DESC", "DISTINCT", "DOUBLE", "DOUBLE PRECISION", "ELSE",
    "END", "ESCAPE", "EXCEPT", "EXISTS", "FALSE", "FROM", "FULL", "GROUP BY", "HAVING", "ILIKE", "IN", "INNER", "INT", "INTEGER",
    "INTERSECT", "IS", "JOIN", "LEFT", "LIKE", "NATURAL", "NOT", "NULL", "OFFSET", "ON", "OR", "ORDER BY", "OUTER", "REAL", "RIGHT",
    "SELECT", "SMALLINT", "THEN", "TRUE", "UNION", "USING", "VARCHAR", "WHEN", "WHERE", "WITH", "||", "<>", "!=", "<=", ">=",
})  # fmt: skip


@cache
def _dialect() -> Any:
    from sqlglot import TokenType, parser, tokens
    from sqlglot.dialects.dialect import Dialect

    words = {word: kind for word, kind in tokens.Tokenizer.KEYWORDS.items() if word in _WORDS} | {"TOP": TokenType.TOP}
    functions = {"CAST": parser.Parser.FUNCTION_PARSERS["CAST"]}
    cases = {"CASE": parser.Parser.NO_PAREN_FUNCTION_PARSERS["CASE"]}

    class Adql(Dialect):
        """ADQL's words."""

        class Tokenizer(tokens.Tokenizer):
            """Comments run to the end of a line; names stand in double quotes, text in single ones."""

            KEYWORDS = words
            COMMENTS = ["--"]  # noqa: RUF012
            COMMANDS = set()  # noqa: RUF012
            HINT_START = ""
            STRING_ESCAPES = ["'"]  # noqa: RUF012
            IDENTIFIERS = ['"']  # noqa: RUF012

        class Parser(parser.Parser):
            """No function has a meaning here."""

            FUNCTIONS = {}  # noqa: RUF012
            NO_PAREN_FUNCTIONS = {}  # noqa: RUF012
            FUNCTION_PARSERS = functions
            NO_PAREN_FUNCTION_PARSERS = cases
            LOG_DEFAULTS_TO_LN = True

    return Adql


def parse(text: str) -> exp.Query:
    """Read a query.

    Raises
    ------
    BadInput
        It is too long or too deep, or no query; the message says at which line and column.
    """
    from sqlglot import exp
    from sqlglot.errors import ParseError, TokenError

    if len(text) > LONGEST:
        raise BadInput(f"the query has {len(text):,} characters, and no more than {LONGEST:,} are read", remedy=REMEDY, field="QUERY")
    if "\0" in text:
        raise BadInput("the query holds a zero byte", remedy=REMEDY, field="QUERY")
    dialect = _dialect()()
    try:
        tokens = dialect.tokenize(text)
        _bounded(tokens)
        trees = dialect.parser().parse(tokens, text)
    except TokenError as error:
        raise BadInput(f"the query cannot be read: {str(error)[:200]}", remedy=REMEDY, field="QUERY") from None
    except ParseError as error:
        raise BadInput(_told(error), remedy=REMEDY, field="QUERY") from None
    except RecursionError:
        raise BadInput("the query is nested too deeply", remedy=REMEDY, field="QUERY") from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # the parser's own trouble with what is no ADQL
        raise BadInput("the query is no ADQL that can be read", remedy=REMEDY, field="QUERY") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise BadInput("the query must be one SELECT", remedy=REMEDY, field="QUERY")
    tree: exp.Query = trees[0]
    while isinstance(tree, exp.Subquery) and not any(given for name, given in tree.args.items() if name != "this"):
        tree = tree.this
    return tree


def _bounded(tokens: list[Any]) -> None:
    from sqlglot import TokenType

    if len(tokens) > MOST_WORDS:
        raise BadInput(
            f"the query has {len(tokens):,} words and signs, and no more than {MOST_WORDS:,} are read", remedy=REMEDY, field="QUERY"
        )
    depth = 0
    for token in tokens:
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth > DEEPEST:
            raise BadInput(f"the query has more than {DEEPEST} parentheses within each other", remedy=REMEDY, field="QUERY")


def _told(error: Any) -> str:
    first = error.errors[0] if error.errors else {}
    near, column = str(first.get("highlight") or ""), int(first.get("col") or 0)
    place = f" at line {first['line']}, column {max(column - len(near) + 1, 1)}" if first.get("line") else ""
    what = str(first.get("description") or "it does not follow the grammar").rstrip(".")
    what = "something is missing" if what.startswith("Required keyword") else f"{what[:1].lower()}{what[1:]}"
    return f"the query cannot be read{place}: {what}" + (f", near '{near[:40]}'" if near else "")


def place(node: Any) -> str:
    """Say where in the text a piece of the tree begins, as `` at line 1, column 8``; empty where that is not known."""
    known = [piece.meta for piece in node.walk() if piece.meta.get("line")]
    if not known:
        return ""
    first = min(known, key=lambda meta: meta["start"])
    return f" at line {first['line']}, column {max(first['col'] - (first['end'] - first['start']), 1)}"


def wrong(node: Any, words: str) -> BadInput:
    """Give the error of something in the tree that cannot be used, with its place."""
    return BadInput(f"the query{place(node)}: {words}", remedy=REMEDY, field="QUERY")
