"""The base of small classes that hold values, instead of dataclasses, which take long to load."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:
        """Return a decorator that returns the class unchanged."""
        return lambda kind: kind


@dataclass_transform(frozen_default=True)
class Value:
    """A frozen object whose fields are the annotations of its class and of the bases of that.

    A field that has a value in the class may be left out. Two objects are equal if their class and
    all fields are. The ``repr`` is that of `object`, since a field may be a secret.

    Raises:
        TypeError: a field is missing, given twice, or not one of the class.
    """

    def __init__(self, *given: object, **named: object) -> None:
        kind = type(self)
        fields = _fields_of(kind)
        values = dict(zip(fields, given, strict=False))
        for name in named:
            if name not in fields or name in values:
                raise TypeError(f"{kind.__name__} has no field {name}, or it was given twice")
        values |= named
        if len(given) > len(fields):
            raise TypeError(f"{kind.__name__} has {len(fields)} fields")
        for name in fields:
            if name not in values and not hasattr(kind, name):
                raise TypeError(f"{kind.__name__} needs {name}")
        self.__dict__.update(values)
        self._check()

    def _check(self) -> None:
        """Raise an error if a field is malformed; subclasses override it."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be set")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Value)
            and type(self) is type(other)
            and self._fields() == other._fields()
        )

    def __hash__(self) -> int:
        return hash(tuple(self._fields().values()))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with these fields changed."""
        return type(self)(**{**self.__dict__, **changes})

    def _fields(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in _fields_of(type(self))}


def _fields_of(kind: type) -> list[str]:
    """Return the names of a class's fields, those of its bases first."""
    bases = reversed(kind.__mro__)
    names = (name for base in bases for name in getattr(base, "__annotations__", ()))
    return list(dict.fromkeys(names))
