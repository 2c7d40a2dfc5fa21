"""What somebody finds who joins a lesson, beside the lesson itself: each domain says so where it declares its topics.

What it is, is said here; what there is of it, says the domain's service, see ``Domain.found_on_joining`` in the app.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import ConfigDict, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema

from tutorwamp.kernel.contracts import Value

_FOUND: Final[dict[str, type[Value]]] = {}


def found_on_joining(name: str, model: type[Value]) -> None:
    """Who joins is answered a list of these under this name. Raises TypeError where it is taken."""
    if _FOUND.setdefault(name, model) is not model:
        raise TypeError(f"{name} is declared twice")


class WithWhatIsFound(Value):
    """A value that has, beside its own fields, a list for each name that was declared."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Any]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Its schema names them all."""
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        schema["additionalProperties"] = False
        for name, model in sorted(_FOUND.items()):
            items = handler(TypeAdapter(list[model]).core_schema)  # type: ignore[valid-type]  # known when it runs
            schema["properties"][name] = {"title": name.title(), **items}
            schema["required"].append(name)
        return reference
