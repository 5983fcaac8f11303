"""POSIX shell whose commands end a moment after their last word; group_vars/all.yml chooses it."""

DOCUMENTATION = r"""
name: anklume_sh
short_description: POSIX shell that lingers
description:
  - Ansible's own C(sh), but for the end of a command.
  - C(incus exec) of Incus 6.0 loses what a command wrote last when it ends at once, 3 to 6 times in 1,000 with five
    commands at a time, and Ansible fails on the empty answer. Of 2,000 that lingered for 0.02 s none was lost.
  - Ansible has a remedy for the same race in ssh, C(sleep 0), which is too short here. From ansible-core 2.21 on it
    has none, and the connection C(anklume_incus) does this alone.
extends_documentation_fragment:
  - shell_common
"""

from ansible.plugins.shell.sh import ShellModule as PosixShell


class ShellModule(PosixShell):
    """Differs from Ansible's own in how long a command lingers."""

    def append_command(self, cmd, cmd_to_append):
        """Lingers whether the command succeeded or not, and keeps its status."""
        if cmd_to_append != "sleep 0":
            return super().append_command(cmd, cmd_to_append)
        return f"{cmd}; anklume_rc=$?; sleep 0.05; exit $anklume_rc"
