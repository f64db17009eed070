"""Scripts by which a shell completes the words of `zs`, made from its parser and the functions."""

import argparse
import inspect
import shlex
from collections.abc import Mapping

from zs_client import acorns


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Returns the script for a shell; `source <(zs completion bash)` turns it on."""
    commands = _commands(parser)
    if shell == "fish":
        return _fish(commands)
    head = "autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else ""
    return head + _bash(commands)


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, list[str]]:
    """The options of each command, and the words that one of its places takes."""
    found: dict[str, list[str]] = {}
    # argparse has no public way to its parts.
    for action in parser._actions:  # noqa: SLF001
        if not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        for name, command in action.choices.items():
            words = []
            for part in command._actions:  # noqa: SLF001
                words += part.option_strings
                words += [] if part.option_strings else map(str, part.choices or ())
                words += _tables() if part.metavar == "TABLE" else []
            found[name] = words
    return found


def _tables() -> list[str]:
    return [line[0] for line in acorns.TABLES]


def _filters() -> Mapping[str, list[str]]:
    found = {}
    for name in _tables():
        parameters = inspect.signature(getattr(acorns, name)).parameters.values()
        found[name] = [f"{p.name}=" for p in parameters if p.default is ...]
    return found


def _bash(commands: Mapping[str, list[str]]) -> str:
    options = "\n".join(
        f"    {name}) words={shlex.quote(' '.join(words))} ;;" for name, words in commands.items()
    )
    filters = "\n".join(
        f"        {name}) words={shlex.quote(' '.join(words))} ;;"
        for name, words in _filters().items()
        if words
    )
    return f"""_zs() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words={shlex.quote(" ".join(commands))}
  elif [ "$prev" = "--where" ]; then
    compopt -o nospace 2>/dev/null
    case "${{COMP_WORDS[2]}}" in
{filters}
    esac
  elif [ "$prev" = "--format" ]; then
    words="table csv json parquet"
  else
    case "${{COMP_WORDS[1]}}" in
{options}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _zs zs
"""


def _fish(commands: Mapping[str, list[str]]) -> str:
    lines = [f"complete -c zs -n __fish_use_subcommand -f -a {shlex.quote(' '.join(commands))}"]
    for name, words in commands.items():
        seen = f"'__fish_seen_subcommand_from {name}'"
        lines += [f"complete -c zs -n {seen} -l {w[2:]}" for w in words if w.startswith("--")]
        plain = " ".join(w for w in words if not w.startswith("-"))
        lines += [f"complete -c zs -n {seen} -f -a {shlex.quote(plain)}"] if plain else []
    return "\n".join(lines) + "\n"
