"""Names for hex frames, from a kernel's symbol list and the target's module list.

Owns ``nm -n`` text and ``kldstat`` text. DTrace leaves a frame in hex if its address is
in a symbol without a size (assembly such as ``fast_syscall_common``) or just past a function that
never returns; both are named by looking up the address minus one, the byte of the call itself.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pvprof.errors import InputError
from pvprof.recording.packing import unpack_companion

_NM_LINE = re.compile(r"([0-9a-fA-F]{8,16}) ([A-Za-z?-]) (\S+)$")
_KLD_LINE = re.compile(r"\s*\d+\s+\d+\s+0x([0-9a-fA-F]+)\s+([0-9a-fA-F]+)\s+(\S+)")
# Code only: a data symbol never names a return address. "i" is an ifunc, "w" a weak function.
_CODE_TYPES = frozenset("tTiwW")
_DATA_TYPES = frozenset("bBdD")
# An address further from its symbol than this is in no function that nm knows.
_MAX_DISTANCE = 1 << 20
_MAX_VARIABLE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class SymbolTable:
    """The symbols of one module.

    Attributes:
        addresses: of code, ascending.
        names: one for each address.
        variables: addresses and names of data, likewise.
    """

    addresses: tuple[int, ...]
    names: tuple[str, ...]
    variables: tuple[tuple[int, str], ...] = ()

    def find(self, address: int) -> str | None:
        """Return the symbol that holds the instruction before a return address, or None."""
        index = bisect_right(self.addresses, address - 1) - 1
        if index < 0 or address - self.addresses[index] > _MAX_DISTANCE:
            return None
        return self.names[index]

    def find_variable(self, address: int) -> str | None:
        """Return the variable that contains an address, or None."""
        index = bisect_right(self.variables, (address, "\U0010ffff")) - 1
        if index < 0 or address - self.variables[index][0] > _MAX_VARIABLE_BYTES:
            return None
        return self.variables[index][1]


@dataclass(frozen=True, slots=True)
class Module:
    """A loaded kernel module, with its addresses by ``kldstat``."""

    name: str
    base: int
    size: int

    def holds(self, address: int) -> bool:
        """Tell whether the address is in the module."""
        return self.base <= address < self.base + self.size


@dataclass(frozen=True, slots=True)
class Symbols:
    """The names of hex frames.

    Attributes:
        tables: symbol tables by module; the kernel's holds absolute addresses, a module's
            addresses relative to its base.
        modules: the target's loaded modules.
    """

    tables: Mapping[str, SymbolTable] = field(default_factory=dict)
    modules: tuple[Module, ...] = ()

    def name(self, module: str, address: int) -> str | None:
        """Return ``module`function`` for a hex frame, or None if nothing is known.

        If only its module is known, a frame becomes ``module`0x1281``, its offset in the module,
        so that it is the same in every run, whatever the address of the module.
        """
        loaded = next((known for known in self.modules if known.holds(address)), None)
        owner = module or (loaded.name if loaded else "")
        table = self.tables.get(owner or "kernel")
        is_kernel = owner in ("", "kernel")
        base = 0 if is_kernel or loaded is None else loaded.base
        function = table.find(address - base) if table else None
        if function is not None:
            return f"{owner or 'kernel'}`{function}"
        if loaded is not None and not is_kernel:
            return f"{owner}`{address - base:#x}"
        return None

    def variable(self, address: int) -> str:
        """Return the kernel's variable that contains an address, or an empty text."""
        table = self.tables.get("kernel")
        return (table.find_variable(address) if table and address else None) or ""


def parse_nm(data: bytes, source: str) -> SymbolTable:
    """Return the symbols in ``nm`` output, plain or packed, in any order.

    If several symbols share an address, a global one wins, then the first by name, so that the same
    file always gives the same name.

    Raises:
        InputError: it is damaged, too large or holds no symbol.
    """
    text, is_cut = unpack_companion(data, source)
    if is_cut:
        raise InputError(f"{source}: damaged: the packed data end early")
    best: dict[int, tuple[bool, str]] = {}
    variables: set[tuple[int, str]] = set()
    for line in text.decode("utf-8", "replace").splitlines():
        match = _NM_LINE.match(line.rstrip())
        if match is None or match.group(2) not in _CODE_TYPES | _DATA_TYPES:
            continue
        address = int(match.group(1), 16)
        if match.group(2) in _DATA_TYPES:
            variables.add((address, match.group(3)))
            continue
        rank = (match.group(2).islower(), match.group(3))
        if address not in best or rank < best[address]:
            best[address] = rank
    if not best and not variables:
        raise InputError(
            f"{source}: no symbol in it", "give the output of: nm -n /boot/kernel/kernel"
        )
    ordered = sorted(best)
    names = tuple(best[address][1] for address in ordered)
    return SymbolTable(tuple(ordered), names, tuple(sorted(variables)))


def parse_kldstat(text: str) -> tuple[Module, ...]:
    """Return the modules in ``kldstat`` output; lines that are no row of it are skipped."""
    modules = []
    for line in text.splitlines():
        match = _KLD_LINE.match(line)
        if match:
            base, size = int(match.group(1), 16), int(match.group(2), 16)
            modules.append(Module(match.group(3), base, size))
    return tuple(modules)


def load_symbols(specifications: tuple[str, ...], kldstat: str = "") -> Symbols:
    """Return the symbols of files: ``FILE`` (the kernel's) or ``MODULE=FILE``, with or without .ko.

    Raises:
        InputError: a file cannot be read or holds no symbol.
    """
    tables = {}
    for specification in specifications:
        module, equals, path = specification.partition("=")
        if not equals or "/" in module:
            module, path = "kernel", specification
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        name = module if module == "kernel" or module.endswith(".ko") else f"{module}.ko"
        tables[name] = parse_nm(data, path)
    return Symbols(tables, parse_kldstat(kldstat))
