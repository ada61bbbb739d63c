"""environment.yml says what pyproject.toml says, in conda's words."""

import tomllib

import pytest
import yaml
from conftest import CHECKOUT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from rattler import MatchSpec

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((CHECKOUT / "environment.yml").read_text())
# Where conda-forge calls a package differently.
CONDA_NAMES = {"torch": "pytorch", "lazy_loader": "lazy-loader"}

SPECS = [MatchSpec(line) for line in ENVIRONMENT["dependencies"] if isinstance(line, str)]
RANGES = {spec.name.normalized: spec.version for spec in SPECS}


def test_the_same_packages():
    """One conda package for each dependency, and only Python and pip beside them."""
    wanted = {CONDA_NAMES.get(name, name) for name in (Requirement(line).name for line in PROJECT["dependencies"])}

    assert wanted | {"python", "pip"} == set(RANGES)


@pytest.mark.parametrize("line", PROJECT["dependencies"])
def test_the_same_range(line):
    """Each range has the same bounds in both files."""
    requirement = Requirement(line)
    version = RANGES[CONDA_NAMES.get(requirement.name, requirement.name)]

    assert {str(bound) for bound in requirement.specifier} == set(version.split(","))


def test_one_python_that_the_package_allows():
    """Binder's reader of this file knows `=3.x` only; anything else means 3.10 to it."""
    (line,) = (line for line in ENVIRONMENT["dependencies"] if str(line).startswith("python "))
    number = line.removeprefix("python =")

    assert number in SpecifierSet(PROJECT["requires-python"])


def test_conda_forge_alone_and_the_package_itself_by_pip():
    """No package comes from a channel with other terms, and pip adds the checkout and nothing else."""
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]
    assert [line["pip"] for line in ENVIRONMENT["dependencies"] if isinstance(line, dict)] == [["-e ."]]
