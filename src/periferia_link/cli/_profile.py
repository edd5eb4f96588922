"""``periferia-link profile list|show|schema|new|check``: a help desk is connected by describing it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from periferia_link.cli._commands import AsJson, Lang, clock, ends_well, help_words, new_screen
from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._profile_words import TEXTS
from periferia_link.cli._screens import Screen
from periferia_link.connectors.ticketing import Ticketing, load_profile, profile_schema, shipped_profiles
from periferia_link.connectors.ticketing.catalogue import profile_text
from periferia_link.connectors.ticketing.checking import Finding, check_profile
from periferia_link.connectors.ticketing.drafting import Sample, draft_profile
from periferia_link.errors import ConfigurationError

__all__ = ["GROUP", "PLACE", "register"]

PLACE = 110
_HELP = help_words(TEXTS)
_WRONG = SecretStr("periferia-link-wrong-on-purpose")
_MAX_SAMPLE = 64 * 1024 * 1024

GROUP = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

File = Annotated[str, typer.Argument(metavar="FILE", help=_HELP("help.profile.file"))]


def register(app: typer.Typer) -> None:
    """Bring the commands."""
    app.add_typer(GROUP, name="profile", help=_HELP("help.profile"))


@GROUP.command("list", help=_HELP("help.profile.list"))
@ends_well
def list_profiles(*, as_json: AsJson = False, lang: Lang = None) -> ExitCode:
    screen = new_screen(lang, is_silent=as_json, texts=TEXTS)
    words = screen.words
    profiles = [load_profile(name) for name in shipped_profiles()]
    if as_json:
        told = [
            {"name": each.name, "title": each.title, "state": each.state, "kinds": sorted(each.kinds)}
            for each in profiles
        ]
        screen.json(told)
    rows = [[each.name, each.title, words(f"profile.{each.state}"), ", ".join(sorted(each.kinds))] for each in profiles]
    screen.table([words(f"profile.{name}") for name in ("name", "title", "state", "kinds")], rows, texts=4)
    return ExitCode.OK


@GROUP.command(help=_HELP("help.profile.show"))
@ends_well
def show(*, file: File, as_json: AsJson = False, lang: Lang = None) -> ExitCode:
    screen = new_screen(lang, is_silent=as_json, texts=TEXTS)
    profile = load_profile(file)
    if as_json:
        screen.json(profile.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    else:
        screen.art(profile_text(file).rstrip())
    return ExitCode.OK


@GROUP.command(help=_HELP("help.profile.schema"))
@ends_well
def schema(*, lang: Lang = None) -> ExitCode:
    new_screen(lang, is_silent=True, texts=TEXTS).json(profile_schema())
    return ExitCode.OK


@GROUP.command(help=_HELP("help.profile.new"))
@ends_well
def new(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help=_HELP("help.profile.name"))],
    tickets: Annotated[Path, typer.Option("--tickets", metavar="FILE", help=_HELP("help.profile.tickets"))],
    worklogs: Annotated[
        Path | None, typer.Option("--worklogs", metavar="FILE", help=_HELP("help.profile.worklogs"))
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help=_HELP("help.profile.output"))]
    = None,
    lang: Lang = None,
) -> ExitCode:  # fmt: skip
    screen = new_screen(lang, texts=TEXTS)
    text = draft_profile(name, _sample(tickets), None if worklogs is None else _sample(worklogs))
    if output is None:
        screen.art(text.rstrip())
        return ExitCode.OK
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as exc:
        msg = f"the profile cannot be written to {output}: {exc.strerror}"
        raise ConfigurationError(msg, hint="name a new file in a folder that exists") from exc
    screen.line(screen.words("profile.made", path=output))
    return ExitCode.OK


def _sample(path: Path) -> Sample:
    found: list[Any] = []
    try:
        if path.stat().st_size <= _MAX_SAMPLE:
            found.append(json.loads(path.read_bytes()))
    except OSError as exc:
        msg = f"the sample {path.name} cannot be read: {exc.strerror}"
        raise ConfigurationError(msg, hint="save the answer of the server to a file") from exc
    except (ValueError, RecursionError):
        pass  # told below: what the parser says holds parts of the file
    if found:
        return Sample(path.stem, found[0])
    msg = f"the sample {path.name} is no JSON"
    raise ConfigurationError(msg, hint="save the body of the answer, without headers")


@GROUP.command(help=_HELP("help.profile.check"))
@ends_well
def check(
    *,
    file: File,
    url: Annotated[str, typer.Option("--url", metavar="URL", help=_HELP("help.profile.url"))],
    token: Annotated[
        str | None, typer.Option("--token-env", metavar="VARIABLE", help=_HELP("help.profile.token"))
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help=_HELP("help.profile.user"))] = None,
    password: Annotated[
        str | None, typer.Option("--password-env", metavar="VARIABLE", help=_HELP("help.profile.password"))
    ] = None,
    key: Annotated[str | None, typer.Option("--key-env", metavar="VARIABLE", help=_HELP("help.profile.key"))] = None,
    key_header: Annotated[
        str, typer.Option("--key-header", metavar="NAME", help=_HELP("help.profile.key_header"))
    ] = "X-Api-Key",
    write: Annotated[bool, typer.Option("--write", help=_HELP("help.profile.write"))] = False,
    private: Annotated[bool, typer.Option("--private", help=_HELP("help.profile.private"))] = False,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", metavar="FILE", help=_HELP("help.profile.ca_file"))
    ] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> ExitCode:
    screen = new_screen(lang, is_silent=as_json, texts=TEXTS)
    profile = load_profile(file)
    right: dict[str, Any] = {
        name: _from_environment(variable)
        for name, variable in (("token", token), ("password", password), ("key", key))
        if variable is not None
    }

    def connect(*, wrong: bool = False) -> Ticketing:
        return Ticketing(
            url,
            profile=profile,
            username=user,
            key_header=key_header,
            allow_private=private,
            ca_file=None if ca_file is None else str(ca_file),
            clock=clock,
            **(dict.fromkeys(right, _WRONG) if wrong else right),
        )

    found = list(check_profile(profile, connect, writes=write, clock=clock))
    return _told(screen, found, as_json=as_json)


def _from_environment(variable: str) -> SecretStr:
    value = os.environ.get(variable)
    if not value:
        msg = f"there is no environment variable {variable}"
        raise ConfigurationError(msg, hint="secrets are not given on the command line: other people would see them")
    return SecretStr(value)


def _told(screen: Screen, found: list[Finding], *, as_json: bool) -> ExitCode:
    words = screen.words
    failed = [finding for finding in found if finding.state == "failed"]
    if as_json:
        told = [
            {"name": each.name, "state": each.state, "details": dict(each.details), "change": each.change}
            for each in found
        ]
        screen.json({"findings": told, "fits": not failed})
        return ExitCode.STOPPED if failed else ExitCode.OK
    for state, mark in (("proved", "✓"), ("open", "○"), ("failed", "✗")):
        mine = [finding for finding in found if finding.state == state]
        if mine:
            screen.heading(words(f"profile.{state}"))
        for finding in mine:
            screen.line(f"{mark} {words(f'found.{finding.name}.{finding.state}', **finding.details)}", indent=2)
    changes = list(dict.fromkeys(finding.change for finding in failed if finding.change))
    if changes:
        screen.heading(words("profile.change"))
        screen.art("\n\n".join(changes))
    screen.line()
    screen.line(words("profile.refused") if failed else words("profile.well"))
    return ExitCode.STOPPED if failed else ExitCode.OK
