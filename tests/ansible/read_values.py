"""
Reads variable files as Ansible's plugin of host_vars does, and reports for each how its value `v`
differs from the JSON beside it: in value or type, or because Ansible would run a template in it.
One argument: a directory with N.yml and N.json. Prints one JSON list of differences.
"""

import ast
import json
import os
import sys

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

try:
    from ansible.template import trust_as_template
    TRUSTED = {"trusted_as_template": True}
except ImportError:  # 2.16
    TRUSTED = {}

    def trust_as_template(text):
        return text


def plain(value):
    """Returns type and value without Ansible's subclasses; 1 is not 1.0, and -0.0 is not 0.0."""
    if value is None or isinstance(value, bool):
        return repr(value)
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind.__name__ + " " + repr(kind(value))
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        # JavaScript puts the key "1" first; the order of a map has no meaning.
        return sorted([plain(key), plain(each)] for key, each in value.items())
    return "unexpected " + type(value).__name__ + " " + repr(value)


def templates(value):
    """Yields each key and text, at any depth, that may be a template."""
    if isinstance(value, str):
        if "{" in value:
            yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from templates(key)
            yield from templates(each)
    elif isinstance(value, list):
        for each in value:
            yield from templates(each)


def is_literal(text, result):
    """True for a text that Ansible 2.16 turns into a map after a template; nothing is run."""
    try:
        return not TRUSTED and result == ast.literal_eval(str(text))
    except (SyntaxError, ValueError):
        return False


def complaints(directory, name, loader):
    with open(os.path.join(directory, name + ".json"), encoding="utf-8") as file:
        expected = json.load(file)
    try:
        data = loader.load_from_file(
            os.path.join(directory, name + ".yml"), unsafe=True, **TRUSTED
        )
    except Exception as error:  # for any error the user cannot provision
        return ["not read: " + str(error)]
    if not isinstance(data, dict) or "v" not in data:
        return ["no variable v: " + repr(data)]
    if plain(data["v"]) != plain(expected):
        return [repr(plain(data["v"])) + " is not " + repr(plain(expected))]
    found = []
    for text in templates(data["v"]):
        try:
            result = Templar(loader, variables={"it": text}).template(trust_as_template("{{ it }}"))
        except Exception as error:
            result = error
        if result != str(text) and not is_literal(text, result):
            found.append("run as a template: " + repr(str(text)) + " gave " + repr(result))
    return found


def main():
    directory = sys.argv[1]
    loader = DataLoader()
    names = sorted(entry[:-5] for entry in os.listdir(directory) if entry.endswith(".json"))
    told = [
        {"name": name, "complaint": each}
        for name in names
        for each in complaints(directory, name, loader)
    ]
    print(json.dumps({"read": len(names), "complaints": told}))


main()
