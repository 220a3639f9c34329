"""Which globals may a checkpoint name, and what does each one mean for a reader that runs nothing?

An allowlist. A global of the standard library or of a known framework that is not on it is
dangerous and refuses the file, named. A global of any other module is somebody's own class or
function: it is listed, its instances cannot be built, and a *call* of a function refuses the file.
Standard library only.
"""

from __future__ import annotations

import re
import sys
from enum import StrEnum

__all__ = ["DTYPES", "STORAGES", "Kind", "classify", "storage_dtype"]


class Kind(StrEnum):
    """What naming the global does to the reading."""

    rebuild = "rebuild"  # has a meaning here: a container, a tensor, a storage type
    inert = "inert"  # known, harmless, kept as an opaque value
    marker = "marker"  # a class that would be needed to build its instances
    reference = "reference"  # a function of unknown code: harmless while nothing calls it
    dangerous = "dangerous"


# dtype -> bytes of one element
DTYPES: dict[str, int] = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
}

STORAGES: dict[str, str] = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}

_REBUILD = frozenset(
    {
        "collections.OrderedDict",
        "collections.defaultdict",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_tensor_v3",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_parameter_with_state",
        "torch.Size",
        "torch.storage.UntypedStorage",
        "torch.storage._load_from_bytes",
        "_codecs.encode",
        *(
            f"{m}.{n}"
            for m in ("builtins", "__builtin__")
            for n in ("dict", "list", "tuple", "set", "frozenset")
        ),
        *(f"torch.{name}" for name in STORAGES),
        *(f"torch.cuda.{name}" for name in STORAGES),
        *(f"torch.{name}" for name in DTYPES),
    }
)

_PLAIN_BUILTINS = (
    "object",
    "int",
    "long",
    "float",
    "bool",
    "complex",
    "str",
    "unicode",
    "bytes",
    "bytearray",
    "slice",
    "range",
    "xrange",
)
_INERT = frozenset(
    {
        *(f"{m}.{n}" for m in ("builtins", "__builtin__") for n in _PLAIN_BUILTINS),
        "collections.Counter",
        "collections.deque",
        "copyreg._reconstructor",
        "copy_reg._reconstructor",
        "argparse.Namespace",
        "types.SimpleNamespace",
        "functools.partial",
        "pathlib.Path",
        "pathlib.PosixPath",
        "pathlib.WindowsPath",
        "pathlib.PurePosixPath",
        "pathlib.PureWindowsPath",
        "datetime.datetime",
        "datetime.date",
        "datetime.time",
        "datetime.timedelta",
        "datetime.timezone",
        "decimal.Decimal",
        "fractions.Fraction",
        "uuid.UUID",
        "torch.device",
        "torch.nn.backends.thnn._get_thnn_function_backend",
        "numpy.ndarray",
        "numpy.dtype",
        *(
            f"numpy.{core}.multiarray.{n}"
            for core in ("core", "_core")
            for n in ("_reconstruct", "scalar")
        ),
        *(
            f"numpy.random.{m}.{n}"
            for m in ("_pickle", "__init__")
            for n in ("__randomstate_ctor", "__bit_generator_ctor", "__generator_ctor")
        ),
        *(f"numpy.{n}{bits}" for n in ("int", "uint", "float") for bits in (8, 16, 32, 64)),
        "numpy.bool_",
        "numpy.random.mtrand.RandomState",
        "numpy.random._mt19937.MT19937",
        "numpy.random._pcg64.PCG64",
    }
)

# Tensors of a kind that is recognised and not read: they make their file impossible to build.
_UNREAD_TENSORS = frozenset(
    {
        "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_qtensor",
        "torch._utils._rebuild_device_tensor_from_numpy",
        "torch._utils._rebuild_meta_tensor_no_storage",
        "torch._tensor._rebuild_from_type_v2",
        "torch._tensor._rebuild_from_type",
    }
)

# Modules whose code is known to be able to do harm; the whole standard library is one of them.
_KNOWN_ROOTS = frozenset(sys.stdlib_module_names) | {
    "__builtin__",
    "cPickle",
    "cStringIO",
    "copy_reg",
    "commands",
    "posixpath",
    "imp",
    "pip",
    "setuptools",
    "pkg_resources",
    "cloudpickle",
    "dill",
    "joblib",
    "pandas",
    "scipy",
    "numpy",
    "torch",
    "tensorflow",
    "IPython",
    "pytest",
    "_pytest",
}
_TORCH_CLASSES = ("torch.nn.", "torch.optim.")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def _looks_like_a_class(name: str) -> bool:
    return all(part.lstrip("_")[:1].isupper() for part in name.split("."))


def classify(module: str, name: str) -> Kind:
    """Say what a global means, from its name alone.

    Example:
        >>> classify("os", "system"), classify("models", "Generator"), classify("models", "make")
        (<Kind.dangerous: 'dangerous'>, <Kind.marker: 'marker'>, <Kind.reference: 'reference'>)
    """
    full = f"{module}.{name}"
    if full in _REBUILD:
        return Kind.rebuild
    if full in _INERT:
        return Kind.inert
    if full in _UNREAD_TENSORS:
        return Kind.marker
    if not _NAME.fullmatch(module) or not _NAME.fullmatch(name):
        return Kind.dangerous
    is_class = _looks_like_a_class(name)
    if f"{module}.".startswith(_TORCH_CLASSES):
        dotted = "." in name
        return Kind.marker if is_class else Kind.dangerous if dotted else Kind.reference
    root = module.split(".", 1)[0]
    if root in _KNOWN_ROOTS:
        return Kind.dangerous
    if "." in name and not is_class:
        return Kind.dangerous  # an attribute chain can leave the module it starts in
    return Kind.marker if is_class else Kind.reference


def storage_dtype(module: str, name: str) -> str | None:
    """The dtype of a typed storage class, None where the global is no such class."""
    return STORAGES.get(name) if module in {"torch", "torch.cuda"} else None
