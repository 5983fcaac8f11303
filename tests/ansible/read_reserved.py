"""
Prints all names that the installed Ansible reserves: keywords of plays and tasks, variables that it
sets, variables of connections, globals and keywords of its templates. One JSON list.
"""

import json
import keyword

from ansible import constants
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import (
    become_loader,
    connection_loader,
    init_plugin_loader,
    shell_loader,
)
from ansible.template import Templar
from ansible.vars.reserved import get_reserved_names

# In a collection, which `all` leaves out; anklume uses this one.
OURS = "community.general.incus"


def plugin_names(kind, loader):
    names = {each._load_name for each in loader.all(class_only=True)}
    if kind == "connection":
        names.add(loader.get(OURS, class_only=True)._load_name)
    return names


def steering():
    for definition in constants.config.get_configuration_definitions().values():
        for each in definition.get("vars") or []:
            yield each["name"]
    for kind, loader in (
        ("connection", connection_loader),
        ("become", become_loader),
        ("shell", shell_loader),
    ):
        for name in plugin_names(kind, loader):
            yield from constants.config.get_plugin_vars(kind, name)
    for names in constants.MAGIC_VARIABLE_MAPPING.values():
        yield from names


def template_words():
    try:
        from ansible._internal._templating._engine import TemplateEngine
        from ansible._internal._templating._jinja_bits import JINJA_KEYWORDS
        yield from JINJA_KEYWORDS
        yield from TemplateEngine().environment.globals
    except ImportError:  # 2.16
        yield from Templar(DataLoader()).environment.globals


init_plugin_loader()
names = set(get_reserved_names()) | set(constants.INTERNAL_STATIC_VARS)
names |= set(steering()) | set(template_words()) | set(keyword.kwlist)
# `delegated_vars['ansible_host']` is not a name; `_z_test_entry` is for Ansible's own tests.
print(json.dumps(sorted({each.split("[")[0] for each in names} - {"_z_test_entry"})))
