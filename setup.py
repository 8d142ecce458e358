"""The metadata stands in pyproject.toml; here, the lessons are packed into the wheel."""

from pathlib import Path
from shutil import rmtree

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithLessons(build_py):
    """Packs lessons/*.py as minigrad/lessons; an editable install reads them where they are."""

    scripts = sorted(map(str, Path("lessons").glob("[0-9]*.py")))  # sub-folders stay at home

    def run(self):
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib, "minigrad", "lessons")
            rmtree(folder, ignore_errors=True)  # of an earlier build
            self.mkpath(str(folder))
            for script in self.scripts:
                self.copy_file(script, str(folder))

    def get_source_files(self):  # for the sdist
        return [*super().get_source_files(), *self.scripts]


setup(cmdclass={"build_py": BuildWithLessons})
