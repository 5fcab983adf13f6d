"""MAST's curl script: it fetches files, goes on where it stopped, and checks every sum; a token comes from the environment only."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

_SCRIPT = """#!/bin/bash
# {count} files from {base}, asked for at {when}.
# Run it with bash, again as often as you like: what is there and whole is not fetched again. It needs curl.
# Files that are not public yet need your token: export MAST_API_TOKEN=... (it is not shown to other users of this machine).

folder="${{1:-{name}}}"
failed=0

sum() {{
  if command -v sha256sum >/dev/null 2>&1; then sha256sum < "$1"; else shasum -a 256 < "$1"; fi | cut -d ' ' -f 1
}}

token() {{
  if [ -n "${{MAST_API_TOKEN:-}}" ]; then printf 'header = "Authorization: token %s"\\n' "$MAST_API_TOKEN"; fi
}}

get() {{
  local out="$folder/$1" part="$folder/$1.part" code
  if [ -f "$out" ] && [ "$(sum "$out")" = "$3" ]; then echo "have   $1"; return; fi
  code=$(token | curl --config - --globoff --fail --silent --show-error --retry 3 --create-dirs --continue-at - \\
    --write-out '%{{http_code}}' --output "$part" "$2")
  local ended=$?
  if [ -f "$part" ] && [ "$(sum "$part")" = "$3" ]; then mv "$part" "$out"; echo "got    $1"; return; fi
  if [ "$ended" = 0 ] || [ "$code" = 416 ]; then rm -f "$part"; fi  # whole, and wrong: the next time all of it comes
  echo "FAILED $1" >&2
  failed=$((failed + 1))
}}

{lines}

if [ "$failed" -gt 0 ]; then echo "$failed of {count} files were not fetched" >&2; exit 1; fi
"""


def script(base: str, when: str, name: str, files: Sequence[tuple[str, str, str]], unknown: Sequence[str]) -> str:
    """Write the script.

    Parameters
    ----------
    base, when : str
        Where and when it was asked for.
    name : str
        Folder that it makes, unless its first argument names another.
    files : sequence of (str, str, str)
        Path below the folder, address and sha256 of each file.
    unknown : sequence of str
        What was asked for and is not there; the script says so, and fails.
    """
    lines = [f"get {shlex.quote(path)} {shlex.quote(address)} {sha256}" for path, address, sha256 in files]
    lines += [f"echo {shlex.quote(f'FAILED {_shown(uri)}: the archive has no such file')} >&2; failed=$((failed + 1))" for uri in unknown]
    return _SCRIPT.format(count=len(lines), base=_shown(base), when=when, name=name, lines="\n".join(lines))


def _shown(text: str) -> str:
    """Give text on one line, without what a terminal would act on."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text[:200])
