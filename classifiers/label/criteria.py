"""A file of requirements: what a label means, in words that people and a chat model read alike.

Markdown with a head, or YAML with the same keys and the text under `requirements`:

    ---
    name: quality
    scale: [0, 5]           # whole numbers; or, for classes, a map of each class and what it is:
    # classes: {shop: offers things for sale, other: none of these}
    ---
    A good document explains ...

A name of PROMPTS stands for the file of that name the package has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from curation.errors import Place, RecipeError, did_you_mean
from curation.yaml_file import parse_yaml, read_text

HERE = Path(__file__).resolve().parent / "prompts"
PROMPTS = ("adult", "code", "quality", "reasoning", "topic")
MAX_CLASSES = 200
MAX_SCALE = 100
"""Classes, and steps of a scale, that a set of requirements may have (ours): an answer's schema lists them all."""
MAX_CHARS = 50_000


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="what the label is called")
    scale: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(None, description="least and largest score")
    classes: dict[str, str] | None = Field(None, min_length=2, max_length=MAX_CLASSES, description="class -> what it is")
    requirements: str | None = Field(None, description="the text, where the file is YAML")


@dataclass(frozen=True)
class Criteria:
    """Requirements; either `scale` or `classes`."""

    name: str
    text: str
    scale: tuple[int, int] | None
    classes: dict[str, str]

    @property
    def key(self) -> str:
        """Key of the label in an answer."""
        return "class" if self.classes else "score"

    @property
    def values(self) -> list[Any]:
        """Every label there is."""
        return [*self.classes] if self.scale is None else [*range(self.scale[0], self.scale[1] + 1)]

    def schema(self) -> dict[str, Any]:
        """JSON schema of an answer, in the part of the language that every server with schemas knows."""
        label = {"type": "string" if self.classes else "integer", "enum": self.values}
        return {
            "type": "object", "properties": {"reason": {"type": "string"}, self.key: label},
            "required": ["reason", self.key], "additionalProperties": False,
        }  # fmt: skip


def load(given: str) -> Criteria:
    """Requirements by the name of a prompt of this package, or from a file (.md, .yaml).

    Raises: RecipeError naming file, line, column and key of the first mistake.
    """
    path = HERE / f"{given}.md" if given in PROMPTS else Path(given)
    if path.suffix not in (".md", ".yaml", ".yml"):
        near = did_you_mean(given, PROMPTS)
        raise RecipeError(f"--criteria {given}: a file (.md, .yaml), or one of {', '.join(PROMPTS)}{near}")
    text = read_text(path, "requirements")
    head, body = text, ""
    if path.suffix == ".md":
        lines = text.split("\n")
        end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), 0)
        if lines[0].rstrip() != "---" or not end:
            what = "the requirements begin with a head between two lines `---`: name, and scale or classes"
            raise RecipeError(what, Place(str(path), 1, 1))
        head, body = "\n" + "\n".join(lines[1:end]), "\n".join(lines[end + 1 :]).strip()  # lines of the head keep their numbers
    yaml = parse_yaml(head, path, "requirements")
    found: _Head = yaml.validate(_Head, yaml.data, ())
    if path.suffix == ".md" and found.requirements is not None:
        raise yaml.error("the requirements are the text below the head", "requirements")
    body = body or (found.requirements or "").strip()
    if not body:
        raise yaml.error("there is no text that says what is required", "requirements")
    if len(body) > MAX_CHARS:
        raise yaml.error(f"the text has {len(body):,} characters, {MAX_CHARS:,} are allowed", "requirements")
    if (found.scale is None) == (found.classes is None):
        raise yaml.error("either `scale` or `classes` says what an answer may be", "scale" if found.scale else "")
    if found.scale is not None and not 1 <= found.scale[1] - found.scale[0] <= MAX_SCALE:
        raise yaml.error(f"a scale is [least, largest], at most {MAX_SCALE} apart", "scale", value=True)
    for name in found.classes or ():
        if not name.strip() or name != name.strip():
            raise yaml.error("a class has a name without blanks around it", "classes", name)
    return Criteria(found.name, body, None if found.scale is None else (found.scale[0], found.scale[1]), dict(found.classes or {}))
