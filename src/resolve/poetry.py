"""Poetry with its command `export`. Of a lock without groups (Poetry 1) that command follows the requirements through the
lock and cannot always tell which of several versions is meant; then Poetry's own solver says what it would install."""

import json
import os
import sys

from cleo.io.null_io import NullIO
from poetry.console.application import main
from poetry.core.packages.project_package import ProjectPackage
from poetry.packages import DependencyPackage
from poetry.puzzle.solver import Solver
from poetry.repositories import RepositoryPool
from poetry.utils.env import MockEnv
from poetry_plugin_export import exporter

follow = exporter.get_project_dependency_packages


def follow_or_solve(locker, project_requires, root_package_name, project_python_marker=None, extras=()):
    # In a lock of Poetry 1, a dependency of several groups is not optional, although it may be optional in this one.
    project_requires = [
        require for require in project_requires if not require.is_optional() or set(require.in_extras) & set(extras)
    ]
    try:
        yield from list(follow(locker, project_requires, root_package_name, project_python_marker, extras))
    except Exception as failure:
        print(f"solved: {failure}", file=sys.stderr)
        for package in solve(locker, project_requires, extras):
            yield DependencyPackage(dependency=package.to_dependency(), package=package)


def solve(locker, project_requires, extras):
    """What `poetry install` does with such a lock, for the target in place of this machine."""
    target = json.loads(os.environ["EXPORT_TARGET"])
    environment = MockEnv(
        version_info=tuple(target["python"]), platform="linux", platform_machine=target["machine"], os_name="posix"
    )
    root = ProjectPackage("root", "0")
    root.python_versions = locker.lock_data["metadata"]["python-versions"]
    for require in project_requires:
        root.add_dependency(require)
    root.extras = {
        extra: [require for require in project_requires if require.name in names]
        for extra, names in locker.lock_data.get("extras", {}).items()
    }
    locked = locker.locked_repository().packages
    solver = Solver(root, RepositoryPool.from_packages(locked, None), [], locked, NullIO(), active_root_extras=extras)
    solver.provider.load_deferred(False)
    with solver.use_environment(environment):
        transaction = solver.solve()
    operations = transaction.calculate_operations(with_uninstalls=False, extras=set(extras))
    return [operation.package for operation in operations if not operation.skipped]


exporter.get_project_dependency_packages = follow_or_solve

sys.exit(main())
