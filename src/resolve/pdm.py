"""Says what `pdm.lock` asks for, with PDM's own commands. The arguments are groups beside the main one."""

import sys

from pdm.cli.filters import GroupSelection
from pdm.core import main
from pdm.formats import requirements
from pdm.models.python import PythonInfo
from pdm.project import Project

GROUPS = ["default", *sys.argv[1:]]
STALE = 3
in_one_go = requirements.export


def export(project, candidates, options):
    # PDM ignores groups that are not in the lock, and fails on distributions that cannot have a hash.
    GroupSelection(project).validate()
    hashed = in_one_go(project, [candidate for candidate in candidates if candidate.hashes], options)
    options.hashes = False
    return hashed + in_one_go(project, [candidate for candidate in candidates if not candidate.hashes], options)


def run(*arguments):
    try:
        main(list(arguments))
    except SystemExit as end:
        return end.code
    return 0


requirements.export = export
# Otherwise development groups are included unless all of them are left out.
GroupSelection._translated_groups = property(lambda selection: GROUPS)
# Otherwise PDM searches for a Python that the project allows, and creates a virtual environment in its folder.
Project.python = property(lambda project: PythonInfo.from_path(sys.executable))

if run("lock", "--check"):
    sys.exit(STALE)
sys.exit(run("export", "--format", "requirements"))
