"""Words that are read without the framework mean what they mean to it, for every command; what is not plain is left to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from argosy_cli import framework
from argosy_cli.commands import COMMANDS, OUTPUT, everything, load
from argosy_cli.main import plain
from argosy_cli.words import Argument, Group, Option, Parameter, Verb, call, parameters, read

# A context that is made for its words alone; typer's own copy of click is nobody's business.
Context = Any


def every() -> Iterator[tuple[tuple[str, ...], Verb, typer.core.TyperCommand]]:
    """Yield the words of each command, how we have it, and how typer has it."""
    group: Any = framework.commands()
    for name in (name for names in COMMANDS.values() for name in names):
        found, theirs = load(name), group.commands[name]
        if isinstance(found, Group):
            for inner, verb in found.verbs.items():
                yield (name, inner), verb, theirs.commands[inner]
        else:
            yield (name,), found, theirs


ALL = {" ".join(words): (verb, theirs) for words, verb, theirs in every()}


def same(ours: Mapping[str, Any] | None, theirs: Mapping[str, Any]) -> bool:
    """An option that may be given often, and is not, is None to us and may be an empty list to typer."""
    assert ours is not None
    assert ours.keys() == theirs.keys()
    return all(mine == theirs[name] or (mine is None and not theirs[name]) for name, mine in ours.items())


def value_of(parameter: Parameter) -> str:
    if parameter.kind is Path:
        return "/some/where"
    return "0.5" if parameter.kind is float else "5" if parameter.kind is int else "some=thing"


def held(verb: Verb, theirs: Any, words: Sequence[str]) -> None:
    """Assert that both readers make the same of words."""
    context: Context = theirs.make_context("it", list(words))
    assert same(call(verb, words, [OUTPUT]), {OUTPUT.name: None} | context.params), words


def arguments(verb: Verb) -> list[str]:
    """What a command must be given besides options, and some of what it may."""
    return [value_of(one) for one in parameters(verb.run) if isinstance(one.mark, Argument)]


@pytest.mark.parametrize("name", ALL)
def test_each_option_in_each_way(name: str) -> None:
    verb, theirs = ALL[name]
    others = arguments(verb)
    needed = [
        word
        for one in parameters(verb.run)
        if isinstance(one.mark, Option) and one.required
        for word in (next(iter(one.words)), value_of(one))
    ]
    held(verb, theirs, [*needed, *others])
    for one in parameters(verb.run):
        for word in one.words:
            ways = (
                [[word]] if one.kind is bool else [[word, value_of(one)], [word, "x y"] if one.kind is str else [word, "7"]]
            )
            if word.startswith("--") and one.kind is not bool:
                ways += [[f"{word}={value_of(one)}"], [f"{word}="] if one.kind is str else [f"{word}=7"]]
            ways += [[*way, *way] for way in ways]
            for way in ways:
                held(verb, theirs, [*needed, *way, *others])
                if not verb.command_follows:
                    held(verb, theirs, [*needed, *others, *way])
                    held(verb, theirs, [*needed, *others[:1], *way, *others[1:]])
    if others:
        held(verb, theirs, [*needed, "--", *others])
        held(verb, theirs, [*needed, *others[:-1], "-"])


@pytest.mark.parametrize("name", ALL)
def test_the_fewest_words_and_no_words(name: str) -> None:
    verb, theirs = ALL[name]
    required = [one for one in parameters(verb.run) if one.required]
    if any(isinstance(one.mark, Option) for one in required):
        return  # above
    held(verb, theirs, [value_of(one) for one in required])
    if required:
        assert call(verb, [], [OUTPUT]) is None


@pytest.mark.parametrize("name", ALL)
def test_what_is_not_plain_is_the_frameworks(name: str) -> None:
    verb, _ = ALL[name]
    others = arguments(verb)
    for wrong in (["--nope"], ["-h"], ["--help"], ["-Z"], ["-o=json"], ["-ojson"], ["--output", "-x"]):
        assert call(verb, [*wrong, *others], [OUTPUT]) is None, wrong
    for one in parameters(verb.run):
        for word in one.words:
            if one.kind is bool:
                assert call(verb, [f"{word}=yes", *others]) is None
            else:
                assert call(verb, [*others, word]) is None or verb.command_follows
            if one.kind is float:
                assert call(verb, [word, "many", *others]) is None
    if not any(one.many for one in parameters(verb.run) if isinstance(one.mark, Argument)):
        assert call(verb, [*others, "more", "and", "more"]) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("run", "-it --rm busybox sh -c ls"),
        ("run", "-itd -e A=1 -e B=2 --env=C= busybox echo -d -- --rm"),
        ("run", "--rm -- busybox -- echo"),
        ("run", "--no-seccomp --seccomp --no-seccomp busybox"),
        ("run", "busybox --rm"),
        ("exec", "-it c sh"),
        ("exec", "-i -w / -- c -x"),
        ("rm", "a -f b"),
        ("rm", "-f -- -a"),
        ("kill", "-s KILL a --all"),
        ("pull", "a --no-unpack --platform linux/arm64"),
        ("import", "-"),
        ("up", "--root /r --root /later -l debug --address=/a=b"),
        ("ps", 'labels."a b"==c id==d'),
        ("ps", "-o json x"),
    ],
)
def test_lines_that_people_type(name: str, words: str) -> None:
    verb, theirs = ALL[name]
    held(verb, theirs, words.split())


def test_the_options_before_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARGOSY_ADDRESS", raising=False)
    monkeypatch.delenv("CONTAINERD_NAMESPACE", raising=False)
    group: Any = framework.commands()
    for env in (
        {},
        {"ARGOSY_ADDRESS": "/env.sock", "CONTAINERD_NAMESPACE": "env"},
        {"ARGOSY_ADDRESS": "", "CONTAINERD_NAMESPACE": ""},
    ):
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        for words in ([], ["-a", "/x"], ["--address=/x", "-n", "other"], ["-o", "json", "-l", "debug"], ["--"]):
            told = read(parameters(everything), [*words, "ps", "-a"], stop=True)
            assert told is not None and told[1] == ["ps", "-a"]
            context: Context = group.make_context("argosy", [*words, "ps", "-a"])
            theirs = {one.name: context.params[one.name] for one in parameters(everything)}
            assert same(told[0], theirs), (env, words)
    for words in (
        ["--version"],
        ["-h"],
        ["-o", "xml", "ps"],
        ["-l", "loud", "ps"],
        ["nope"],
        [],
        ["content"],
        ["content", "nope"],
    ):
        assert plain(words) is None, words
