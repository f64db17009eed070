"""Shell scripts that complete the words of `zs`, made from its parser and the functions."""

import argparse
import inspect
import shlex
from collections.abc import Mapping

from zs_client import acorns
from zs_client.read_requests import TABLES


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Returns the script for a shell; `source <(zs completion bash)` turns it on."""
    commands = _words_by_command(parser)
    if shell == "fish":
        return _fish(commands)
    head = "autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else ""
    return head + _bash(commands)


def _words_by_command(parser: argparse.ArgumentParser) -> Mapping[str, list[str]]:
    """Returns each command's options, and the values of its positional arguments."""
    words: dict[str, list[str]] = {}
    # argparse has no public way to its actions.
    for subparsers in parser._actions:  # noqa: SLF001
        if not isinstance(subparsers, argparse._SubParsersAction):  # noqa: SLF001
            continue
        for name, command in subparsers.choices.items():
            words[name] = []
            for action in command._actions:  # noqa: SLF001
                words[name] += action.option_strings or map(str, action.choices or ())
                words[name] += _tables() if action.metavar == "TABLE" else []
    return words


def _tables() -> list[str]:
    return [line[0] for line in TABLES]


def _filters(table: str) -> list[str]:
    parameters = inspect.signature(getattr(acorns, table)).parameters.values()
    return [f"{parameter.name}=" for parameter in parameters if parameter.default is ...]


def _bash(commands: Mapping[str, list[str]]) -> str:
    def cases(words_by_name: Mapping[str, list[str]], indent: str) -> str:
        return "\n".join(
            f"{indent}{name}) words={shlex.quote(' '.join(words))} ;;"
            for name, words in words_by_name.items()
        )

    filters = {table: words for table in _tables() if (words := _filters(table))}
    return f"""_zs() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words={shlex.quote(" ".join(commands))}
  elif [ "$prev" = "--where" ]; then
    compopt -o nospace 2>/dev/null
    case "${{COMP_WORDS[2]}}" in
{cases(filters, "        ")}
    esac
  elif [ "$prev" = "--format" ]; then
    words="table csv json parquet"
  else
    case "${{COMP_WORDS[1]}}" in
{cases(commands, "    ")}
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
