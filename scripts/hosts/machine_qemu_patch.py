#!/usr/bin/env python3
"""machine_qemu_patch.py ROOT: removes one assertion from the QEMU 7.2 in ROOT.

machine_qemu_build.sh has the reason. Finds the instruction in the function that the module exports:
a call, `test al,al`, and the jump over the report of the failed assertion. That jump becomes
unconditional. If the code differs, nothing is written.
"""

import pathlib
import re
import struct
import sys

MODULE = "usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so"
FUNCTION = b"tcg_handle_interrupt"
# call rel32; test al,al; jne rel8; then the report's arguments, the fifth first: lea r8,[rip+…]
ASSERTION = re.compile(rb"\xe8....\x84\xc0(\x75).\x4c\x8d\x05", re.DOTALL)


def sections(image: bytes) -> dict[int, list[tuple[int, int, int, int, int]]]:
    """Returns the sections of a 64-bit ELF file by type.

    Each is its address, offset, size, link and entry size.
    """
    (start,) = struct.unpack_from("<Q", image, 0x28)
    size, count = struct.unpack_from("<HH", image, 0x3A)
    found: dict[int, list[tuple[int, int, int, int, int]]] = {}
    for each in range(count):
        at = start + each * size
        _, kind, _, address, offset, length, link, _, _, entry = struct.unpack_from("<IIQQQQIIQQ", image, at)
        found.setdefault(kind, []).append((address, offset, length, link, entry))
    return found


def function(image: bytes, name: bytes) -> tuple[int, int]:
    """Returns the offset in the file and the size of an exported function."""
    dynsym, strtab, progbits = 11, 3, 1
    by_type = sections(image)
    strings = {offset for _, offset, _, _, _ in by_type[strtab]}
    for _, offset, length, _, entry in by_type[dynsym]:
        for at in range(offset, offset + length, entry):
            label, _, _, _, value, size = struct.unpack_from("<IBBHQQ", image, at)
            if not value or not any(image.startswith(name + b"\0", each + label) for each in strings):
                continue
            for address, start, extent, _, _ in by_type[progbits]:
                if address <= value < address + extent:
                    return value - address + start, size
    raise SystemExit(f"{MODULE} exports no {name.decode()}: this QEMU is not the one that can be mended")


def main() -> None:
    path = pathlib.Path(sys.argv[1]) / MODULE
    image = bytearray(path.read_bytes())
    if image[:5] != b"\x7fELF\x02":
        raise SystemExit(f"{path} is no 64-bit ELF file")
    start, size = function(bytes(image), FUNCTION)
    found = [each.start(1) for each in ASSERTION.finditer(bytes(image[start : start + size]))]
    if len(found) != 1:
        raise SystemExit(
            f"the assertion of {FUNCTION.decode()} is not where it was in QEMU 7.2 ({len(found)} places look like it): "
            "virtual machines cannot be run in an emulated machine with this QEMU"
        )
    image[start + found[0]] = 0xEB
    path.write_bytes(image)
    print(f"one assertion taken out of {path.name}, at {start + found[0]:#x}")


main()
