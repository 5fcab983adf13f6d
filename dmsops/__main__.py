"""``python -m dmsops`` is the command ``dmsops``."""

from dmsops.cli import main

if __name__ == "__main__":
    main(prog_name="dmsops")
