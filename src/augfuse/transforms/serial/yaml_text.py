"""The YAML text of a recipe as plain data: numbers, words, lists and mappings, in bounded time and memory.

YAML does more than a recipe needs: it shares values by name (a few hundred bytes stand for gigabytes), builds dates and
sets, and takes the last of two equal keys. Here values that are shared count as often as they are used, nesting and
length have a bound, a key is there once, and any other kind of value is an error that names its line. Numbers are those
of YAML 1.2 in decimal, so that 1e-2 is one.
"""

from __future__ import annotations

import re
from typing import Any, final

import yaml

from augfuse.errors import ImageTypeError, RecipeError
from augfuse.text import shown

LONGEST_TEXT = 100_000  # characters; a recipe of 30 transforms has about 2,000
MOST_VALUES = 10_000
DEEPEST = 40  # lists and mappings; transforms that are nested as deep as may be have about 30
_LONGEST_NUMBER = 100  # characters

_TAG = "tag:yaml.org,2002:"
_NULL, _BOOL, _INT, _FLOAT, _STR = (_TAG + name for name in ("null", "bool", "int", "float", "str"))
_PLAIN = (
    (_NULL, r"~|null|Null|NULL|", ("~", "n", "N", "")),
    (_BOOL, r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", tuple("yYnNtTfFoO")),
    (_INT, r"[-+]?[0-9][0-9_]*", tuple("-+0123456789")),
    (_FLOAT, r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?", tuple("-+.0123456789")),
    (_FLOAT, r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", tuple("-+.")),
)  # fmt: skip


class _Nodes(yaml.SafeLoader):
    """Text to nodes, at most MOST_VALUES, no deeper than DEEPEST."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # as PyYAML declares it
    depth = 0
    count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        self.count += 1
        if self.depth > DEEPEST or self.count > MOST_VALUES:
            reader: Any = self  # PyYAML leaves types open
            raise _too_much(reader.peek_event(), self.depth)
        try:
            return yaml.SafeLoader.compose_node(self, parent, index)
        finally:
            self.depth -= 1


_typeless: Any = _Nodes  # PyYAML leaves types open
for _tag, _pattern, _first in _PLAIN:
    _typeless.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})$"), list(_first))


def read_yaml(text: Any) -> Any:
    """The plain data of a YAML text. RecipeError where it is not YAML, larger than any recipe, or more than data;
    ImageTypeError where it is not text."""
    if not isinstance(text, str):
        raise ImageTypeError(f"from_yaml: got {type(text).__name__}, wanted text. Use Path(...).read_text().")
    if len(text) > LONGEST_TEXT:
        raise RecipeError(f"recipe: got more than {LONGEST_TEXT:,} characters of text, wanted fewer.")
    try:
        loader: Any = _Nodes(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except RecipeError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # PyYAML lets those of int() and chr() through
        raise RecipeError(f"recipe: not readable as YAML: {error}") from None
    return None if node is None else _Values().of(node, 0)


@final
class _Values:
    """Nodes to values. Counts every value as often as it is used."""

    def __init__(self) -> None:
        self._count = 0

    def of(self, node: yaml.Node, depth: int) -> Any:
        self._count += 1
        if depth > DEEPEST or self._count > MOST_VALUES:
            raise _too_much(node, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.of(child, depth + 1) for child in node.value]
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, depth)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        raise _unknown(node)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise RecipeError(f"recipe: {_line(key_node)}a key is a list or mapping, wanted a name.")
            key = _scalar(key_node)
            if key in found:
                raise RecipeError(f"recipe: {_line(key_node)}the key {shown(key)} is there twice, wanted it once.")
            found[key] = self.of(child, depth + 1)
        return found


def _scalar(node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    if node.tag == _STR:
        return text
    if node.tag == _NULL:
        return None
    if node.tag == _BOOL and text.lower() in ("yes", "true", "on", "no", "false", "off"):
        return text.lower() in ("yes", "true", "on")
    if node.tag in (_INT, _FLOAT):
        return _number(node, text)
    raise _unknown(node)


def _number(node: yaml.ScalarNode, text: str) -> int | float:
    if len(text) > _LONGEST_NUMBER:
        raise RecipeError(
            f"recipe: {_line(node)}a number of {len(text):,} characters, wanted {_LONGEST_NUMBER} or less."
        )
    text = re.sub(r"^([-+]?)\.(inf|nan)$", r"\1\2", text, flags=re.IGNORECASE)  # as float() spells them
    try:
        return int(text) if node.tag == _INT else float(text)
    except ValueError:
        raise RecipeError(f"recipe: {_line(node)}got {shown(text)}, wanted a number.") from None


def _unknown(node: yaml.Node) -> RecipeError:
    tag = node.tag.replace(_TAG, "!!")
    return RecipeError(
        f"recipe: not readable as YAML: {_line(node)}got a value tagged {shown(tag)}, wanted numbers, words, lists and "
        "mappings."
    )


def _too_much(place: Any, depth: int) -> RecipeError:
    if depth > DEEPEST:
        return RecipeError(f"recipe: {_line(place)}nested deeper than {DEEPEST} levels.")
    return RecipeError(
        f"recipe: {_line(place)}more than {MOST_VALUES:,} values, where one that is shared counts each time."
    )


def _line(place: Any) -> str:
    """ "line 3: " of a node or an event."""
    return f"line {place.start_mark.line + 1}: "
