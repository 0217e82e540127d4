"""What is read at run time goes into the wheel: the systems, migrations, screens."""

from __future__ import annotations

import tomllib

from orchestration.settings import PROJECT


def test_every_file_of_a_package_that_is_no_python_is_named_as_its_data() -> None:
    setuptools = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {pattern.rstrip("*") for pattern in setuptools["packages"]["find"]["include"]}
    assert set(setuptools["package-data"]) <= packages
    for package in packages:
        there = {
            path
            for path in (PROJECT / package).rglob("*")
            if path.is_file() and path.suffix not in (".py", ".pyc") and not path.name.startswith(".")
        }
        patterns = setuptools["package-data"].get(package, [])
        named = {path for pattern in patterns for path in (PROJECT / package).glob(pattern) if path.is_file()}
        assert there - named == set()
        assert all(any((PROJECT / package).glob(pattern)) for pattern in patterns)
