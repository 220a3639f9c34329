"""What would unpickling this stream build, seen without building it?

A stack and memo interpreter over `opcodes`, which only decodes. The names in a GLOBAL or
STACK_GLOBAL are read off the interpreter's own stack, so a name that comes from the memo is seen as
an unpickler would see it. Nothing is imported and nothing is called; what an allowed global means
is said by `rebuild.rebuild`. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gancheck.checkpoints.opcodes import Cursor, opcodes
from gancheck.checkpoints.rebuild import rebuild
from gancheck.checkpoints.refusal import Refused
from gancheck.checkpoints.symbols import Kind, classify
from gancheck.checkpoints.values import Instance, Sequence, Symbol, Table, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.checkpoints.limits import Limits
    from gancheck.checkpoints.source import Source
    from gancheck.checkpoints.values import Blob, Storage

__all__ = ["Machine"]

_LITERALS = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
    | {"STRING", "BINSTRING", "SHORT_BINSTRING"}
    | {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
    | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
)
_CONSTANTS: dict[str, Value] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_LIST": "list", "EMPTY_TUPLE": "tuple", "EMPTY_SET": "set"}
_MARKED = {"LIST": "list", "TUPLE": "tuple", "FROZENSET": "set"}
_FIXED = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_LONGEST_NAME = 500
_SAVE = "load it where you trust its code and save its state_dict()"
# NVIDIA's pickles of StyleGAN2 and its relatives carry the source code of their classes.
_CONVERT = {
    "torch_utils.persistence": "it runs source code that it carries: where you trust it, convert it to the layout of the PyTorch version of StyleGAN2 (style.1.weight, convs.0.conv.weight, ...) and save that state_dict()"
}
_MEMO_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})
_MEMO_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


@dataclass(slots=True)
class Spent:
    """What a reading has used of its budgets."""

    opcodes: int = 0
    items: int = 0
    text: int = 0


class Machine:
    """Interpreter of the pickles of one file; budgets and globals add up over all of them.

    Args:
        source: the whole file, or the whole member that holds the pickle.
        limits: the budgets.
        storage: what a persistent id stands for; it raises `Refused` where it stands for nothing.
        nested: reads a whole checkpoint that stands inside this one as bytes.
        parent: the interpreter that met such bytes; budgets and globals are shared with it.
    """

    def __init__(
        self,
        source: Source,
        *,
        limits: Limits,
        storage: Callable[[Value], Value],
        nested: Callable[[Machine, Blob], Storage] | None = None,
        parent: Machine | None = None,
    ) -> None:
        self.limits = limits
        self.globals: dict[Symbol, Kind] = {} if parent is None else parent.globals
        self.nested = nested
        self.spent = Spent() if parent is None else parent.spent
        self.protocol = 0
        self._source = source
        self._storage = storage
        self._stack: list[Value] = []
        self._marks: list[list[Value]] = []
        self._memo: dict[int, Value] = {}
        self._actions: dict[str, Callable[[Any], None]] = {
            "PROTO": self._protocol,
            "FRAME": self._skip,
            "MARK": self._mark,
            "POP": self._pop,
            "POP_MARK": self._pop_mark,
            "DUP": self._dup,
            "MEMOIZE": self._memoize,
            "APPEND": self._append,
            "APPENDS": self._appends,
            "ADDITEMS": self._appends,
            "EMPTY_DICT": self._empty_dict,
            "DICT": self._dict,
            "SETITEM": self._set_item,
            "SETITEMS": self._set_items,
            "GLOBAL": self._global,
            "STACK_GLOBAL": self._stack_global,
            "REDUCE": self._reduce,
            "NEWOBJ": self._new,
            "NEWOBJ_EX": self._new_with_names,
            "INST": self._inst,
            "OBJ": self._obj,
            "BUILD": self._build,
            "PERSID": self._persistent,
            "BINPERSID": self._persistent,
        }

    def run(self, start: int = 0) -> tuple[Value, int]:
        """Interpret one pickle.

        Args:
            start: the byte of the source at which it starts.

        Returns:
            What it holds, and the byte after its STOP.

        Raises:
            Refused: malformed, over a budget, or naming what is not allowed.
        """
        self._stack, self._marks, self._memo = [], [], {}
        cursor = Cursor(self._source, start)
        try:
            for name, argument in opcodes(cursor, self._charge):
                self.spent.opcodes += 1
                if self.spent.opcodes > self.limits.opcodes:
                    raise Refused(
                        f"the pickle has over {self.limits.opcodes} opcodes, the budget of a reading"
                    )
                if name != "STOP":
                    self._step(name, argument)
            if len(self._stack) != 1 or self._marks:
                raise Refused("malformed pickle: it ends with an unbalanced stack")
            return self._stack[0], cursor.position
        except (IndexError, KeyError):
            raise Refused(
                "malformed pickle: an opcode finds nothing on the stack or in the memo"
            ) from None
        except (ValueError, OverflowError, EOFError) as error:
            raise Refused(
                f"truncated or malformed pickle: {error}", way_out="fetch the file again"
            ) from None

    def _charge(self, length: int) -> None:
        """Charge text that is about to be read to the budget."""
        self.spent.text += length
        if self.spent.text > self.limits.text:
            raise Refused(
                f"the pickle spells out over {self.limits.text} bytes of text and numbers, the budget of a reading"
            )

    def _step(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _MEMO_GET:
            self._stack.append(self._memo[argument])
        elif name in _MEMO_PUT:
            self._remember(argument)
        elif name in _FIXED:
            self._stack.append(self._sequence("tuple", self._take(_FIXED[name])))
        elif name in _EMPTY:
            self._stack.append(Sequence(_EMPTY[name], []))
        elif name in _MARKED:
            items = self._to_mark()  # brings back the stack that is appended to
            self._stack.append(self._sequence(_MARKED[name], items))
        else:
            self._act(name, argument)

    def _act(self, name: str, argument: Any) -> None:
        action = self._actions.get(name)
        if action is None:
            raise Refused(f"the pickle uses the opcode {name}, which no checkpoint needs")
        action(argument)

    # --- stack and memo

    def _remember(self, slot: int) -> None:
        if len(self._memo) >= self.limits.memo:
            raise Refused(
                f"the pickle's memo exceeds {self.limits.memo} entries, the budget of a reading"
            )
        self._memo[slot] = self._stack[-1]

    def count(self, number: int) -> None:
        """Charge what is put into containers, or copied, to the budget.

        Raises:
            Refused: the budget is spent.
        """
        self.spent.items += number
        if self.spent.items > self.limits.items:
            raise Refused(
                f"the pickle fills containers with over {self.limits.items} items, the budget of a reading"
            )

    def _take(self, number: int) -> list[Value]:
        if len(self._stack) < number:
            raise IndexError
        taken = self._stack[-number:]
        del self._stack[-number:]
        return taken

    def _to_mark(self) -> list[Value]:
        items = self._stack
        self._stack = self._marks.pop()
        return items

    def _sequence(self, kind: str, items: list[Value]) -> Sequence:
        self.count(len(items))
        return Sequence(kind, items)

    def _mark(self, _: Any) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _pop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._to_mark()

    def _pop_mark(self, _: Any) -> None:
        self._to_mark()

    def _dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def _memoize(self, _: Any) -> None:
        self._remember(len(self._memo))

    def _skip(self, _: Any) -> None:
        """FRAME says how the rest is cut into pieces, not what it is."""

    def _protocol(self, argument: Any) -> None:
        self.protocol = max(self.protocol, argument)

    # --- containers

    def _append(self, _: Any) -> None:
        (item,) = self._take(1)
        self._extend([item])

    def _appends(self, _: Any) -> None:
        self._extend(self._to_mark())

    def _extend(self, items: list[Value]) -> None:
        self.count(len(items))
        target = self._stack[-1]
        if isinstance(target, Sequence) and target.kind != "tuple":
            target.items.extend(items)
        elif isinstance(target, Instance):
            target.parts.extend(items)
        else:
            raise Refused("malformed pickle: it appends to what is no list")

    def _empty_dict(self, _: Any) -> None:
        self._stack.append(Table())

    def _dict(self, _: Any) -> None:
        items = self._to_mark()
        self._stack.append(Table())
        self._set(items)

    def _set_item(self, _: Any) -> None:
        self._set(self._take(2))

    def _set_items(self, _: Any) -> None:
        self._set(self._to_mark())

    def _set(self, items: list[Value]) -> None:
        if len(items) % 2:
            raise Refused("malformed pickle: a dict key without a value")
        self.count(len(items))
        target = self._stack[-1]
        if isinstance(target, Table):
            target.pairs.extend(zip(items[::2], items[1::2], strict=True))
        elif isinstance(target, Instance):
            target.parts.append(Table(list(zip(items[::2], items[1::2], strict=True))))
        else:
            raise Refused("malformed pickle: it sets an item of what is no dict")

    # --- globals, calls, instances

    def _global(self, argument: Any) -> None:
        self._stack.append(self._symbol(*argument))

    def _stack_global(self, _: Any) -> None:
        module, name = self._take(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("malformed pickle: the name of a global is no text")
        self._stack.append(self._symbol(module, name))

    def _symbol(self, module: str, name: str) -> Symbol:
        if len(module) + len(name) > _LONGEST_NAME:
            raise Refused(f"a global has a name of {len(module) + len(name)} characters")
        symbol = Symbol(module, name)
        kind = self.globals.get(symbol)
        if kind is None:
            if len(self.globals) >= self.limits.globals:
                raise Refused(
                    f"the pickle names over {self.limits.globals} globals, the budget of a reading"
                )
            kind = self.globals[symbol] = classify(module, name)
        if kind is Kind.dangerous:
            raise Refused(
                f"the pickle names {symbol}, which an unpickler would import and could call; no weights need it",
                subject=str(symbol),
            )
        return symbol

    def _reduce(self, _: Any) -> None:
        target, arguments = self._take(2)
        if not isinstance(arguments, Sequence) or arguments.kind != "tuple":
            raise Refused("malformed pickle: a call whose arguments are no tuple")
        self._stack.append(self._make(target, arguments.items, called=True))

    def _new(self, _: Any) -> None:
        target, arguments = self._take(2)
        parts: list[Value] = arguments.items if isinstance(arguments, Sequence) else [arguments]
        self._stack.append(self._make(target, parts, called=False))

    def _new_with_names(self, _: Any) -> None:
        target, arguments, names = self._take(3)
        parts: list[Value] = (
            list(arguments.items) if isinstance(arguments, Sequence) else [arguments]
        )
        parts.append(names)
        self._stack.append(self._make(target, parts, called=False))

    def _inst(self, argument: Any) -> None:
        items = self._to_mark()
        self._stack.append(self._make(self._symbol(*argument), items, called=False))

    def _obj(self, _: Any) -> None:
        items: list[Value] = self._to_mark()
        target = items[0]
        self._stack.append(self._make(target, items[1:], called=False))

    def _make(self, target: Value, arguments: list[Value], *, called: bool) -> Value:
        if not isinstance(target, Symbol):
            raise Refused(
                "the pickle calls an object that it made itself, which is how code is hidden; no weights need it"
            )
        kind = self.globals[target]
        if kind is Kind.rebuild:
            return rebuild(self, target, arguments)
        if kind is Kind.reference and called:
            raise Refused(
                f"reading this pickle the usual way would call {target}, which is no class and is not on the list of harmless functions",
                subject=str(target),
                way_out=_CONVERT.get(target.module, _SAVE),
            )
        self.count(len(arguments))
        if target.name == "_reconstructor" and arguments and isinstance(arguments[0], Symbol):
            return Instance(arguments[0], arguments[1:])
        return Instance(target, list(arguments))

    def _build(self, _: Any) -> None:
        (state,) = self._take(1)
        target = self._stack[-1]
        if isinstance(target, Table):
            if target.attributes is not None:
                raise Refused("the pickle sets the attributes of one dict twice")
            target.attributes = state
        elif isinstance(target, Instance):
            target.parts.append(state)
        else:
            raise Refused(
                "the pickle changes the state of something that is neither a dict nor an object of a class"
            )

    def _persistent(self, argument: Any) -> None:
        identifier: Value = str(argument) if argument is not None else self._take(1)[0]
        self._stack.append(self._storage(identifier))
