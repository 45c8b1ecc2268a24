"""The public names and their signatures, against the snapshot in ``public_api.txt``.

A change on purpose: run ``python tests/test_public_api.py --write`` and commit the snapshot.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

SNAPSHOT = Path(__file__).with_name("public_api.txt")
MODULES = (
    "apilog",
    "apilog.asgi",
    "apilog.collector",
    "apilog.config",
    "apilog.destinations",
    "apilog.testing",
    "apilog.wsgi",
    "apilog_django",
    "apilog_fastapi",
    "apilog_flask",
)
OWN = ("apilog", "apilog_django", "apilog_fastapi", "apilog_flask")


def test_the_public_api_is_what_the_snapshot_says() -> None:
    expected = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    difference = "\n".join(
        difflib.unified_diff(expected, list(public_api()), "snapshot", "code", lineterm="")
    )
    assert not difference, (
        f"the public API changed:\n{difference}\n"
        "if that is meant, run: python tests/test_public_api.py --write, and tell CHANGELOG.md"
    )


@pytest.mark.parametrize("name", MODULES)
def test_every_public_module_names_what_it_has(name: str) -> None:
    module = importlib.import_module(name)
    missing = [each for each in module.__all__ if not hasattr(module, each)]
    assert not missing
    assert list(module.__all__) == sorted(module.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_everything_public_has_a_docstring(name: str) -> None:
    module = importlib.import_module(name)
    silent = [
        f"{name}.{each}"
        for each in module.__all__
        if callable(getattr(module, each)) and not inspect.getdoc(getattr(module, each))
    ]
    assert not silent


def public_api() -> Iterator[str]:
    """Yield a line for every public name, the same on every Python."""
    for name in MODULES:
        yield from described_module(importlib.import_module(name))


def described_module(module: ModuleType) -> Iterator[str]:
    yield module.__name__
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value):
            yield from described_class(name, value)
        elif callable(value):
            yield f"    {name}{described_signature(value)}"
        else:
            yield f"    {name}: {type(value).__name__}"


def described_class(name: str, value: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
    yield f"    class {name}({bases})" if bases else f"    class {name}"
    fields = value.__dataclass_fields__ if dataclasses.is_dataclass(value) else {}
    members: dict[str, str] = {}
    for owner in reversed(value.__mro__):
        if owner.__module__.partition(".")[0] not in OWN:
            continue
        for attribute, annotation in vars(owner).get("__annotations__", {}).items():
            members[attribute] = f": {annotation}{described_default(fields.get(attribute))}"
        for attribute, member in vars(owner).items():
            generated = fields or getattr(owner, "_is_protocol", False)
            if not (attribute == "__init__" and generated):
                members[attribute] = described_member(member) or members.get(attribute, "")
    for attribute in sorted(members):
        public = not attribute.startswith("_") or attribute in ("__init__", "__call__")
        if public and members[attribute]:
            yield f"        {attribute}{members[attribute]}"


def described_default(field: dataclasses.Field[object] | None) -> str:
    if field is None or field.default is field.default_factory is dataclasses.MISSING:
        return ""
    factory = field.default_factory
    if isinstance(factory, type):
        return f" = {factory.__name__}()"
    return f" = {field.default!r}" if factory is dataclasses.MISSING else " = ..."


def described_member(member: object) -> str:
    """Return how a member is used, or nothing for a plain value."""
    if isinstance(member, property):
        getter = member.fget
        assert getter is not None
        return f" -> {inspect.signature(getter).return_annotation} (property)"
    if isinstance(member, (classmethod, staticmethod)):
        return f"{described_signature(member.__func__)} ({type(member).__name__})"
    return described_signature(member) if inspect.isfunction(member) else ""


def described_signature(function: object) -> str:
    """Return a signature in the words of the source, which differ less than the interpreters."""
    assert callable(function)
    signature = inspect.signature(function)
    words: list[str] = []
    before: object = None
    parameters = list(signature.parameters.values())
    for parameter in parameters:
        if parameter.kind is not before is inspect.Parameter.POSITIONAL_ONLY:
            words.append("/")
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and before not in (
            inspect.Parameter.KEYWORD_ONLY,
            inspect.Parameter.VAR_POSITIONAL,
        ):
            words.append("*")
        before = parameter.kind
        words.append(described_parameter(parameter))
    if before is inspect.Parameter.POSITIONAL_ONLY:
        words.append("/")
    returned = signature.return_annotation
    arrow = "" if returned is inspect.Signature.empty else f" -> {annotated(returned)}"
    kind = " (async)" if inspect.iscoroutinefunction(function) else ""
    return f"({', '.join(words)}){arrow}{kind}"


def described_parameter(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    text = stars.get(parameter.kind, "") + parameter.name
    if parameter.annotation is not inspect.Parameter.empty:
        text += f": {annotated(parameter.annotation)}"
    if parameter.default is not inspect.Parameter.empty:
        default = parameter.default
        text += f" = {getattr(default, '__qualname__', None) or repr(default)}"
    return text


def annotated(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "...")


def main(arguments: Sequence[str]) -> int:
    """Print the public API, or write the snapshot."""
    text = "".join(f"{line}\n" for line in public_api())
    if list(arguments) == ["--write"]:
        SNAPSHOT.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
