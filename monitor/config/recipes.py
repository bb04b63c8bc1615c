"""`recipes`: queries of the cookbook that run as if their files were copied; read before all queries."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.config.queries.folders import Folder
from monitor.config.shipped import recipes_directory
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss


def recipe_names() -> list[str]:
    """Return the names of all recipes, in order."""
    return sorted(path.stem for path in recipes_directory().glob("*.toml"))


def read_recipes(names: Sequence[str], section: Section, problems: Problems) -> Folder:
    """Return the folder of the recipes that are named; a name that is none of theirs is a problem."""
    known = recipe_names()
    for position, name in enumerate(names):
        if name not in known:
            message = f'there is no recipe "{name}"{near_miss(name, known)}'
            problems.add(section.origin("recipes", position), message)
    directory = recipes_directory()
    return Folder(directory, "the cookbook", only=frozenset(names))
