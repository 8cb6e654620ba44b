"""Write the reference pages that follow from the code.

``python docs/generate_reference.py`` rewrites them; with ``--check`` it only
says whether one is stale. Equal code gives equal pages on every Python.
"""

from __future__ import annotations

import argparse
import inspect
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from traitlets import (
    Bool,
    DefaultHandler,
    Dict,
    Enum,
    Float,
    Integer,
    List,
    TraitType,
    Unicode,
    Union,
)

from jupyter_async_exec import errors
from jupyter_async_exec.app import AsyncExecApp
from jupyter_async_exec.cli import command, verbs
from jupyter_async_exec.cli.session import SERVERS_OWN
from jupyter_async_exec.defaults import DATA_DIR_VARIABLE, MLFLOW_VARIABLE, STORE_VARIABLE

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
PACKAGE = ROOT / "jupyter_async_exec"

#: A JSON or OpenAPI schema.
Schema: TypeAlias = Mapping[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
#: Facts of a schema that limit its values, and how they are said.
BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "minLength": "length ≥ {}",
    "maxLength": "length ≤ {}",
    "maxItems": "at most {} items",
    "pattern": "matches `{}`",
    "format": "`{}`",
}
#: Kinds of traits, as people call them.
TRAIT_KINDS: dict[type[TraitType[Any, Any]], str] = {
    Bool: "yes or no",
    Dict: "table",
    Float: "number",
    Integer: "whole number",
    List: "list",
    Unicode: "text",
    Union: "text or list",
}


# ---------------------------------------------------------------- Markdown


def page(title: str, source: str, *parts: str) -> str:
    """Return a page whose head says where it comes from."""
    notice = f"<!-- Written by docs/generate_reference.py from {source}: change that instead. -->"
    return "\n\n".join((f"# {title}", notice, *(part.strip("\n") for part in parts if part))) + "\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table, or nothing when there are no rows."""
    lines = [f"| {' | '.join(cell(text) for text in row)} |" for row in rows]
    if not lines:
        return ""
    rule = f"| {' | '.join('---' for _ in head)} |"
    return "\n".join((f"| {' | '.join(head)} |", rule, *lines))


def cell(text: str) -> str:
    """Return text that stays inside one cell; its lines become line breaks."""
    lines = (line.strip() for line in text.strip().splitlines())
    return "<br>".join(line for line in lines if line).replace("|", "\\|")


def flow(text: str) -> str:
    """Return text as one line, the way a folded paragraph reads."""
    return " ".join(text.split())


def code(value: object) -> str:
    """Return a value as inline code, written as JSON unless it is text."""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def anchor(heading: str) -> str:
    """Return the fragment that GitHub gives to a heading."""
    kept = (letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).replace(" ", "-")


# ---------------------------------------------------------------- schemas


def kind(schema: Schema) -> str:
    """Return the type of a value in words, linked where it has a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{anchor(name)})"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(kind(choice) for choice in schema[union])
    if "const" in schema:
        return code(schema["const"])
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    types = schema.get("type", "any")
    names = types if isinstance(types, list) else [types]
    if "array" in names and "items" in schema:
        names = [f"list of {kind(schema['items'])}" if name == "array" else name for name in names]
    return " or ".join(names)


def limits(schema: Schema) -> str:
    """Return the bounds of a value and its default."""
    said = [words.format(schema[name]) for name, words in BOUNDS.items() if name in schema]
    if "default" in schema:
        said.append(f"default {code(schema['default'])}")
    return ", ".join(said)


def meaning(schema: Schema) -> str:
    """Return what a value means, then its limits."""
    return "\n".join(filter(None, (schema.get("description", "").strip(), limits(schema))))


def fields(schema: Schema, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for every field of an object, those of nested objects below it."""
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        shown = f"{prefix}{name}"
        yield f"`{shown}`", kind(inner), "yes" if name in required else "", meaning(inner)
        for choice in (inner, *inner.get("anyOf", ())):
            yield from fields(choice, f"{shown}.")
        yield from fields(inner.get("items", {}), f"{shown}[].")


def field_table(schema: Schema) -> str:
    """Return the table of the fields of an object."""
    return table(("Field", "Type", "Required", "Meaning"), fields(schema))


# ---------------------------------------------------------------- the pages


def rest() -> str:
    """Return the page about the REST interface."""
    document = yaml.safe_load((PACKAGE / "api" / "openapi.yaml").read_text(encoding="utf-8"))
    operations = [
        (tag["name"], method, path, item)
        for tag in document["tags"]
        for path, item in document["paths"].items()
        for method in METHODS
        if tag["name"] in item.get(method, {}).get("tags", ())
    ]
    index = (
        (f"[`{method.upper()} {path}`](#{anchor(f'{method} {path}')})", item[method]["summary"])
        for _, method, path, item in operations
    )
    parts = [table(("Operation", "What it does"), index)]
    seen = ""
    for tag, method, path, item in operations:
        if tag != seen:
            parts.append(f"## {tag.capitalize()}")
            seen = tag
        parts.append(_operation(document, method, path, item))
    parts.append("## Schemas")
    for name, schema in document["components"]["schemas"].items():
        parts += [f"### {name}", schema.get("description", ""), _schema(schema)]
    return page(
        "REST",
        "jupyter_async_exec/api/openapi.yaml",
        flow(document["info"]["description"]),
        "The same document is served at `{base_url}async-exec/openapi.yaml`.\n"
        "What can go wrong, and the `reason` of each, is in [errors.md](errors.md).\n"
        "JupyterLab reads results through one more address, "
        "described in [contents-endpoint.md](contents-endpoint.md).",
        *parts,
    )


def _schema(schema: Schema) -> str:
    shown = kind(schema)
    return field_table(schema) or ("Any JSON object." if shown == "object" else shown)


def _operation(document: Schema, method: str, path: str, item: Schema) -> str:
    operation = item[method]
    given = (*item.get("parameters", ()), *operation.get("parameters", ()))
    parameters = (_resolve(document, parameter) for parameter in given)
    rows = (
        (
            f"`{parameter['name']}`",
            parameter["in"],
            kind(parameter["schema"]),
            meaning({**parameter["schema"], **_described(parameter)}),
        )
        for parameter in parameters
    )
    parts = [
        f"### {method.upper()} {path}",
        operation["summary"],
        flow(operation.get("description", "")),
        table(("Parameter", "In", "Type", "Meaning"), rows),
        _body(operation.get("requestBody")),
        table(("Answer", "Body", "Meaning"), _answers(document, operation["responses"])),
    ]
    return "\n\n".join(part for part in parts if part)


def _described(parameter: Schema) -> Schema:
    return {"description": parameter["description"]} if "description" in parameter else {}


def _resolve(document: Schema, node: Schema) -> Schema:
    target: Any = node
    if "$ref" in node:
        target = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
    found: Schema = target
    return found


def _body(body: Schema | None) -> str:
    if body is None:
        return ""
    (content,) = body["content"].values()
    lead = "Body" if body.get("required") else "Body, which may be left out"
    schema = content["schema"]
    if "$ref" in schema:
        return f"{lead}: {kind(schema)}."
    return f"{lead}:\n\n{field_table(schema)}"


def _answers(document: Schema, responses: Schema) -> Iterator[tuple[str, str, str]]:
    problems = [status for status, response in responses.items() if "$ref" in response]
    for status, response in responses.items():
        if status in problems:
            continue
        bodies = (_content(*item) for item in response.get("content", {}).items())
        yield f"`{status}`", "\n".join(bodies), response["description"]
    if problems:
        # They all refer to the same answer.
        problem = _resolve(document, responses[problems[0]])
        (content,) = problem["content"].values()
        statuses = ", ".join(f"`{status}`" for status in problems)
        yield statuses, kind(content["schema"]), problem["description"]


def _content(media_type: str, content: Schema) -> str:
    schema = content.get("schema", {})
    if media_type != "application/json":
        return f"`{media_type}`"
    if "properties" not in schema:
        return kind(schema)
    return ", ".join(f"`{name}`: {kind(inner)}" for name, inner in schema["properties"].items())


def events() -> str:
    """Return the page about the events on the server's bus."""
    parts = []
    for path in sorted((PACKAGE / "events" / "schemas").rglob("*.yaml")):
        schema = yaml.safe_load(path.read_text(encoding="utf-8"))
        personal = "Personal data" if schema["personal-data"] else "No personal data"
        parts += [
            f"## {schema['title']}",
            f"`{schema['$id']}`, version {schema['version']}. {personal}.",
            flow(schema["description"]),
            field_table(schema),
        ]
    return page(
        "Events",
        "jupyter_async_exec/events/schemas",
        "Events travel on Jupyter Server's own event bus, to be read at "
        "`{base_url}api/events/subscribe`.",
        *parts,
    )


def errors_page() -> str:
    """Return the page about everything that can be refused or go wrong."""
    tree = list(_tree(errors.AsyncExecError))
    drawn = "\n".join(f"{lines}{each.__name__}" for each, lines in tree)
    rows = (
        (
            f"`{each.__name__}`",
            f"{each.http_status}",
            f"`{each.reason}`",
            flow((inspect.getdoc(each) or "").split("\n\n")[0]),
        )
        for each, _ in tree
    )
    return page(
        "Errors",
        "jupyter_async_exec/errors.py",
        "Every error of ours carries a sentence for people (`message`), a name for programs "
        "(`reason`) and facts (`details`).\n"
        "REST answers with these three under the status of the table; "
        "the command line writes the sentence to standard error, with `--json` "
        "the three to standard output, and exits with 2.",
        f"```text\n{drawn}\n```",
        table(("Exception", "Status", "Reason", "Meaning"), rows),
        "What Jupyter Server itself refuses (not logged in, no permission, no XSRF token) "
        "answers in the same shape; its `reason` is the HTTP phrase, such as `forbidden`.",
        "Why an *execution* is `failed` is another list: "
        "[`reason` of an execution](rest.md#reason).",
    )


def _tree(
    root: type[errors.AsyncExecError], lead: str = "", below: str = ""
) -> Iterator[tuple[type[errors.AsyncExecError], str]]:
    yield root, lead
    children = [each for each in root.__subclasses__() if each.__module__ == errors.__name__]
    for child in children:
        is_last = child is children[-1]
        yield from _tree(
            child, below + ("└── " if is_last else "├── "), below + ("    " if is_last else "│   ")
        )


def configuration() -> str:
    """Return the page about what an administrator can choose."""
    dynamic = {
        handler.trait_name
        for handler in vars(AsyncExecApp).values()
        if isinstance(handler, DefaultHandler)
    }
    rows = (
        (
            f"`{name}`",
            _trait_kind(trait),
            "see there" if name in dynamic else _trait_default(trait),
            re.sub(r"\bdocs/([\w/-]+\.md)", r"[\1](../\1)", flow(trait.help)),
        )
        for name, trait in sorted(AsyncExecApp.class_own_traits(config=True).items())
    )
    section = AsyncExecApp.__name__
    own = ", ".join(f"`{name}`" for name in sorted(SERVERS_OWN))
    return page(
        "Configuration",
        "jupyter_async_exec/app.py",
        "These are chosen by whoever starts the server; what each person chooses "
        "in JupyterLab is in [settings.md](settings.md).\n"
        "Write them into `jupyter_server_config.py`:",
        f"```python\nc.{section}.slots = 4\n```",
        f"or give them to the command that starts the server: `jupyter lab --{section}.slots=4`.",
        "The command line and Python read the same file, so that they find the same executions.\n"
        f"Only {own} hold for servers alone.",
        table(("Name", "Type", "Default", "Meaning"), rows),
        "## Environment variables",
        table(
            ("Variable", "Meaning"),
            [
                (
                    f"`{DATA_DIR_VARIABLE}`",
                    "Folder where executions are kept. "
                    "`data_dir_path` and `--data-dir` win over it.",
                ),
                (
                    f"`{STORE_VARIABLE}`",
                    "Where executions are recorded. `store_url` wins over it.",
                ),
                (f"`{MLFLOW_VARIABLE}`", "`1` says `mlflow = True`, which wins over it."),
            ],
        ),
        "They hold for server, command line and Python alike.",
    )


def _trait_default(trait: TraitType[Any, Any]) -> str:
    value = trait.default()
    if value is None:
        return "not set"
    return "empty" if value in ("", [], {}) else code(value)


def _trait_kind(trait: TraitType[Any, Any]) -> str:
    if isinstance(trait, Enum):
        return ", ".join(code(each) for each in trait.values or ())
    name = next(words for cls, words in TRAIT_KINDS.items() if isinstance(trait, cls))
    bounds = {"≥": getattr(trait, "min", None), "≤": getattr(trait, "max", None)}
    said = (
        f"{sign} {bound}"
        for sign, bound in bounds.items()
        if bound is not None and math.isfinite(bound)
    )
    return ", ".join((name, *said))


def settings() -> str:
    """Return the page about what each person can choose in JupyterLab."""
    parts = []
    for path in sorted((ROOT / "schema").glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        shown = {
            name: inner
            for name, inner in schema.get("properties", {}).items()
            if not name.startswith("jupyter.lab.")
        }
        parts += [
            f"## {schema['title']}",
            flow(schema.get("description", "")),
            table(("Setting", "Type", "Meaning"), _setting_rows(schema, shown))
            or "There is nothing to choose.",
            *_shortcuts(schema),
            *_menus(schema),
        ]
    return page(
        "Settings",
        "schema/*.json",
        "Each person chooses these for themselves, under *Settings → Settings Editor*.\n"
        "What holds for a whole server is in [configuration.md](configuration.md).",
        *parts,
    )


def _setting_rows(schema: Schema, shown: Schema) -> Iterator[tuple[str, str, str]]:
    for name, inner in shown.items():
        resolved = {**_resolve(schema, inner), **inner} if "$ref" in inner else inner
        plain = {key: value for key, value in resolved.items() if key != "$ref"}
        title = f"**{plain['title']}**" if "title" in plain else ""
        text = "\n".join(filter(None, (title, meaning(plain))))
        yield f"`{name}`", kind(plain), text


def _shortcuts(schema: Schema) -> Iterator[str]:
    rows = [
        (" ".join(map(_keys, each["keys"])), code(each["command"]))
        for each in schema.get("jupyter.lab.shortcuts", ())
    ]
    if rows:
        yield "### Shortcuts"
        yield "*Accel* is Ctrl, on macOS Command."
        yield table(("Keys", "Command"), rows)


def _keys(chord: str) -> str:
    return "+".join(f"<kbd>{key}</kbd>" for key in chord.split())


def _menus(schema: Schema) -> Iterator[str]:
    rows = [
        (code(each["command"]), code(each["selector"]))
        for each in schema.get("jupyter.lab.menus", {}).get("context", ())
        if "command" in each and "selector" in each
    ]
    if rows:
        yield "### Context menus"
        yield table(("Command", "Where"), rows)


def cli() -> str:
    """Return the page about the command line."""
    parsers = _verb_parsers(command.build_parser())
    names_of = [{_names(action) for action in _visible(parser)} for parser in parsers.values()]
    shared = set.intersection(*names_of)
    summary = (inspect.getdoc(command.run) or "").split("\n\n", 1)[-1]
    common = [
        action for action in _visible(next(iter(parsers.values()))) if _names(action) in shared
    ]
    parts = []
    for verb, parser in parsers.items():
        own = [action for action in _visible(parser) if _names(action) not in shared]
        parts += [
            f"## {verb}",
            inspect.cleandoc(parser.description or ""),
            f"```text\n{_usage(parser, own)}\n```",
            table(("Argument", "Meaning"), (_argument(parser, action) for action in own)),
        ]
    return page(
        "Command line",
        "jupyter_async_exec/cli",
        "`jupyter async-exec VERB …` works with a server running and without one; "
        "both share the store.",
        f"Exit codes: {flow(summary)}",
        "Every verb takes also:",
        table(
            ("Argument", "Meaning"),
            (_argument(next(iter(parsers.values())), action) for action in common),
        ),
        "With `--json` standard output holds one JSON document, of the shape that "
        "[REST](rest.md) answers, and nothing else; "
        "progress and messages go to standard error.",
        *parts,
    )


def _verb_parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    # argparse has no public way to ask a parser what it takes.
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action.choices, dict):
            return {name: action.choices[name] for name in verbs.VERBS}
    raise LookupError("the command has no verbs")


def _visible(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [
        action
        for action in parser._actions  # noqa: SLF001  as above
        if action.help != argparse.SUPPRESS and "--help" not in action.option_strings
    ]


def _names(action: argparse.Action) -> str:
    return "/".join(action.option_strings) or action.dest


def _placeholder(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    if action.metavar is not None:
        return action.metavar
    if action.choices is not None:
        return "{" + ",".join(str(choice) for choice in action.choices) + "}"
    return action.dest.upper()


def _spelling(action: argparse.Action, option: str) -> str:
    return " ".join(filter(None, (option, _placeholder(action))))


def _usage(parser: argparse.ArgumentParser, actions: list[argparse.Action]) -> str:
    words = [parser.prog]
    for action in sorted(actions, key=lambda action: bool(action.option_strings)):
        if not action.option_strings:
            word = _placeholder(action) + (" …" if action.nargs in {"*", "+"} else "")
            words.append(f"[{word}]" if action.nargs in {"?", "*"} else word)
        else:
            text = _spelling(action, action.option_strings[0])
            words.append(text if action.required else f"[{text}]")
    return " ".join(words)


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    spelled = [_spelling(action, option) for option in action.option_strings]
    shown = ", ".join(f"`{each}`" for each in spelled or [_placeholder(action)])
    text = (action.help or "") % {**vars(action), "prog": parser.prog}
    return shown, text


#: Every page that follows from the code.
PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "configuration.md": configuration,
    "rest.md": rest,
    "events.md": events,
    "cli.md": cli,
    "errors.md": errors_page,
}


def main() -> None:
    """Write every page, or with ``--check`` name those that are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when stale")
    is_check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = REFERENCE / name, make()
        if is_check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(f"docs/reference/{name}")
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        verb = "is" if len(stale) == 1 else "are"
        sys.exit(f"{', '.join(stale)} {verb} stale: run `python docs/generate_reference.py`.")


if __name__ == "__main__":
    main()
