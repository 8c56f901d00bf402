"""Add up what the records of some tasks of a pass say of their documents; the sum stands in the second line of this task's own record."""

from __future__ import annotations

from curation.ledger import Ledger
from curation.sums import add_up
from curation.tasks.base import Task


class SumTask(Task):
    """Stats of the records at `places` of the folder `of`."""

    def run(self) -> None:
        said = Ledger(self.out / "work" / self.task["of"]).said([tuple(place) for place in self.task["places"]])
        Ledger.commit(self.folder, self.task["key"], self.head, add_up(said))
