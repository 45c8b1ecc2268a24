"""GraphQL over HTTP: a document and its variables, which feed each other's secrets.

The shape of a request is that of https://graphql.github.io/graphql-over-http/draft.
"""

from __future__ import annotations

from typing import TypeAlias
from urllib.parse import quote_plus, unquote_plus

from apilog import codec, graphql_mask
from apilog.codec import JSON
from apilog.graphql_tokens import looks_like
from apilog.key_rule import KeyRule
from apilog.mask_record import Record
from apilog.text_mask import TextMask

Variables: TypeAlias = "dict[str, str]"

_PARTS = frozenset({"query", "variables", "operationName", "extensions"})
"""What a request has (https://graphql.github.io/graphql-over-http/draft/): one of them at least."""


class GraphQLMask:
    """Mask documents, and variables by the arguments that they feed."""

    def __init__(self, fields: KeyRule, texts: TextMask) -> None:
        self._fields = fields
        self._texts = texts

    def mask(self, body: JSON, where: str, record: Record) -> None:
        """Mask *body* in place if it is a request, or a list of them."""
        requests = body if isinstance(body, list) else [body]
        if not requests or not isinstance(requests[0], dict) or _PARTS.isdisjoint(requests[0]):
            return  # rows, most often; a batch has nothing but requests
        for request in [each for each in requests if isinstance(each, dict) and "query" in each]:
            document = request["query"]
            if isinstance(document, str) and looks_like(document):
                request["query"], fed = self.document(document, f"{where}/query", record)
                if request.get("variables"):
                    request["variables"] = _masked_variables(
                        request["variables"], fed, f"{where}/variables", record
                    )

    def mask_parameters(self, pairs: list[str], where: str, record: Record) -> None:
        """Mask *pairs*, the parameters of an address, in place if they are a request."""
        fed: Variables | None = {}
        for number, pair in enumerate(pairs):
            document = unquote_plus(pair[6:]) if pair.startswith("query=") else ""
            if looks_like(document):
                masked, fed = self.document(document, f"{where}?query", record)
                if masked != document:
                    pairs[number] = f"query={quote_plus(masked)}"
        for number, pair in enumerate(pairs):
            if fed != {} and pair.startswith("variables="):
                variables = unquote_plus(pair[10:])
                feeding = _masked_variables(variables, fed, f"{where}?variables", record)
                pairs[number] = f"variables={quote_plus(str(feeding))}"

    def document(self, text: str, where: str, record: Record) -> tuple[str, Variables | None]:
        """Return *text* masked, and the rule of each variable that feeds something sensitive.

        A document that cannot be read is replaced, and nobody knows what its variables feed: None.
        """

        def inner(part: str, place: str) -> str:
            return self._texts.masked(part, place, record)

        try:
            return graphql_mask.masked(
                text, where, rules=self._fields, replaced=record.replaced, inner=inner
            )
        except ValueError:
            return record.replaced(text, where, "graphql:unreadable", sought=False), None


def _masked_variables(variables: JSON, fed: Variables | None, where: str, record: Record) -> JSON:
    """Return *variables*, an object or JSON text of one, with those in *fed* masked.

    All of them go where nobody knows what they feed, or they cannot be read.
    """
    text = isinstance(variables, str)
    tree = _parsed(variables) if isinstance(variables, str) else variables
    if fed is None or not isinstance(tree, dict):
        return record.replaced(variables, where, "graphql:unreadable")
    for name in fed.keys() & tree.keys():
        rule = f"field:{fed[name].removeprefix('field:')}"
        tree[name] = record.replaced(tree[name], f"{where}/{name}", rule)
    return codec.dumps(tree).decode() if text and fed else variables if text else tree


def _parsed(text: str) -> JSON:
    try:
        return codec.loads(text)
    except ValueError:
        return None
