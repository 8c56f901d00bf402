"""A plug-in that ends the machine it runs on: once in each phase, when a task has written all but its record.

A machine is played by the process that watches the worker; the worker dies with it. $NODE_DEATHS is a folder for
one mark a phase, $NODE_PHASES names the phases, such as `reduce twins`; without them nothing happens. With
$NODE_ERROR, an error number, the storage refuses the record instead.
"""

import os
import signal
import time

from curation.ledger import Ledger
from curation.stage import StageParams, stage

FOLDER, PHASES = os.environ.get("NODE_DEATHS"), os.environ.get("NODE_PHASES", "").split(",")
ERROR = int(os.environ.get("NODE_ERROR", 0))
commit = Ledger.commit


def dying(folder, key, head, stats):
    phase = f"{head['kind']} {folder.name.partition('-')[0].partition('.')[0]}"
    if phase in PHASES and _first(phase):
        if ERROR:
            raise OSError(ERROR, os.strerror(ERROR), str(folder))
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return commit(folder, key, head, stats)


def _first(phase):
    try:
        os.close(os.open(os.path.join(FOLDER, phase), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


if FOLDER:
    Ledger.commit = staticmethod(dying)


@stage(reads=["text"], writes={})
def does_nothing(batch, params: StageParams):
    """A plug-in has a stage."""
    return {}
