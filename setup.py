"""What pyproject.toml can't say: the parts of the platform that are no Python go into the wheel, below `orchestration`.

Not here: names, versions, dependencies (pyproject.toml).
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# As orchestration/settings.py looks for them.
PLACE = "orchestration/project"
FILES = ("dagster.yaml", "sources.yml", "workspace.yaml")
MANIFEST = ("manifest.json", "manifest.sha256")


class WithProject(build_py):
    """The packages, and beside them the dbt project with the manifest that set-up made of it."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        # What an earlier build left there, and is no more, would go into this one.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        place = Path(self.build_lib) / PLACE
        left_out = shutil.ignore_patterns("target", "logs", "dbt_packages", ".*")
        shutil.copytree(ROOT / "dbt_project", place / "dbt_project", ignore=left_out)
        (place / "dbt_project" / "target").mkdir()
        for name in MANIFEST:
            made = ROOT / "dbt_project" / "target" / name
            if not made.exists():
                raise SystemExit(f"{made} is missing: run `make setup`, which lets dbt read its project")
            shutil.copy2(made, place / "dbt_project" / "target")
        for name in FILES:
            shutil.copy2(ROOT / name, place)


setup(cmdclass={"build_py": WithProject})
