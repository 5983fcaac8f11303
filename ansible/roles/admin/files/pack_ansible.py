"""Packs the Ansible that runs this: pack_ansible.py ARCHIVE "PYTHON MACHINE" COLLECTION…

Packs ansible-core with all its dependencies, and some collections, as a directory for PYTHONPATH.
Refuses another Python or machine than its own: some parts are compiled.
"""
import importlib.metadata as metadata
import os
import platform
import re
import sys
import tarfile

SKIPPED = {"__pycache__", "tests", "docs", "changelogs", ".github"}


def needed(name, seen):
    """Collects the distributions that one needs, including itself."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return  # needed on other systems only
    seen[key] = found
    for requirement in found.requires or []:
        if "extra ==" not in requirement:
            needed(re.match(r"[A-Za-z0-9._-]+", requirement).group(), seen)


def main(archive, target, *collections):
    own = "%d.%d %s" % (*sys.version_info[:2], platform.machine())
    if own != target:
        sys.exit(f"This host's Ansible is for Python {own}, the container has {target}: use an image with Ansible")
    distributions = {}
    needed("ansible-core", distributions)
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:

        def add(path, name):
            tar.add(path, name, filter=lambda info: None if SKIPPED & set(info.name.split("/")[1:]) else info)

        for found in distributions.values():
            root = os.path.realpath(found.locate_file(""))
            tops = {file.parts[0] for file in found.files or [] if file.parts[0] not in ("..", "__pycache__")}
            if not tops:  # a Debian package: no list of files
                tops = set((found.read_text("top_level.txt") or found.metadata["Name"]).split())
            for top in sorted(tops):
                if os.path.exists(os.path.join(root, top)):
                    add(os.path.join(root, top), top)
        places = [os.path.realpath(entry) for entry in sys.path if entry] + [
            os.path.expanduser("~/.ansible/collections"), "/usr/share/ansible/collections",
        ]
        for collection in collections:
            below = os.path.join("ansible_collections", *collection.split("."))
            for place in places:
                if os.path.isdir(os.path.join(place, below)):
                    add(os.path.join(place, below), below)
                    break
            else:
                print(f"{collection} is nowhere on this host", file=sys.stderr)


main(*sys.argv[1:])
