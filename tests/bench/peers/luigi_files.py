"""Luigi: two workers, its own scheduler in the process, a file for every step that is done."""

from __future__ import annotations

import luigi
from ledger import given, nothing


class Step(luigi.Task):
    """One step: requires the one before, leaves a file."""

    folder = luigi.Parameter()
    ledger = luigi.Parameter(significant=False)
    chain = luigi.IntParameter()
    number = luigi.IntParameter()

    def requires(self) -> list[luigi.Task]:
        """Give the step before."""
        if self.number == 0:
            return []
        return [Step(folder=self.folder, ledger=self.ledger, chain=self.chain, number=self.number - 1)]

    def output(self) -> luigi.LocalTarget:
        """Give the file that says that it is done."""
        return luigi.LocalTarget(f"{self.folder}/done/{self.chain}.{self.number}")

    def run(self) -> None:
        """Do nothing and say so."""
        nothing(self.ledger, f"{self.chain}.{self.number}")
        with self.output().open("w") as file:
            file.write("done")


def main() -> None:
    """Ask for the last step of every chain."""
    task = given()
    ends = [Step(folder=str(task.folder), ledger=task.ledger, chain=c, number=task.length - 1) for c in range(task.chains)]
    luigi.build(ends, workers=2, local_scheduler=True, log_level="ERROR")


if __name__ == "__main__":
    main()
