"""The page of a selection: HTML around the charts, the map and the cards of picks."""

import itertools
from collections.abc import Mapping
from html import escape
from pathlib import PurePath

import numpy as np

from mmdepthseg.selection.page.parts import Group, Pick, number
from mmdepthseg.selection.page.style import STYLE
from mmdepthseg.version import __version__

METHOD_WORDS = {
    'random': 'at random',
    'ds': 'by farthest point, each pick as far as possible from those before',
    'us': 'by the highest score',
    'entropy': 'by the highest entropy',
    'ds_us': 'by farthest point, scores added to distances',
}


def page(title: str, parts: list[str]) -> str:
    """The whole document.

    Args:
        title: Plain text.
        parts: HTML of the body.
    """
    body = '\n'.join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n'
        f'<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n'
    )


def section(title: str, body: str) -> str:
    """A heading and what is below it; '' for an empty body."""
    return f'<section><h2>{escape(title)}</h2>{body}</section>' if body else ''


def head(title: str, lead: list[str], facts: Mapping[str, str]) -> str:
    """Title, sentences and the facts to know first."""
    sentences = ''.join(f'<p class="lead">{escape(line)}</p>' for line in lead)
    cells = ''.join(
        f'<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>'
        for key, value in facts.items()
    )
    return (
        f'<header><h1>{escape(title)}</h1>{sentences}<dl class="facts">{cells}</dl>'
        '</header>'
    )


def cards(picks: list[Pick], with_images: bool) -> str:
    """The picks in order, a heading per budget.

    Args:
        picks: Those shown.
        with_images: Whether cards have room for pictures.
    """
    longest = max((pick.distance or 0 for pick in picks), default=0) or 1.0
    kind = '' if with_images else ' plain'
    parts = []
    for _, members in itertools.groupby(picks, key=lambda pick: pick.group.first):
        members = list(members)
        items = ''.join(_card(pick, picks, longest, with_images) for pick in members)
        parts.append(
            f'{_group_heading(members[0].group)}<ol class="picks-list{kind}" '
            f'start="{members[0].number}">{items}</ol>'
        )
    return ''.join(parts)


def record_section(selection: Mapping) -> str:
    """Options, files and versions: what it takes to do it again."""
    options = dict(selection.get('options') or {})
    options.setdefault('seed', selection.get('seed'))
    rows = [(key, escape(_value(value))) for key, value in sorted(options.items())]
    for role, file in (selection.get('files') or {}).items():
        name = PurePath(file['path']).name
        rows.append(
            (f'file: {role}', f'{escape(name)}<br><code>sha256 {file["sha256"]}</code>')
        )
    for key in ('route', 'pairs'):
        if selection.get(key):
            rows.append((key, escape(_value(selection[key]))))
    rows.append(('versions', f'mmdepthseg {__version__}, numpy {np.__version__}'))
    lines = ''.join(
        f'<tr><th scope="row">{escape(key)}</th><td>{value}</td></tr>'
        for key, value in rows
    )
    return (
        f'<table class="record"><tbody>{lines}</tbody></table><p class="note">The same '
        'files, options and seed give the same picks. All of this, and whole paths, '
        'are in selection.json.</p>'
    )


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return ', '.join(map(str, value))
    return 'none' if value is None else str(value)


def _group_heading(group: Group) -> str:
    span = f'pick {group.first:,}'
    if group.last > group.first:
        span = f'picks {group.first:,} to {group.last:,}'
    kind = ' class="initial"' if group.initial else ''
    return (
        f'<h3{kind} style="--c:{group.color}"><i></i>{escape(group.title)} '
        f'<small>{span}</small></h3>'
    )


def _card(pick: Pick, picks: list[Pick], longest: float, with_images: bool) -> str:
    # Long paths break where a reader would.
    name = escape(pick.name).replace('/', '/<wbr>')
    pair = ''
    if with_images:
        pair = f'<div class="pair">{_picture(pick)}{_neighbour(pick, picks)}</div>'
    meta = []
    if pick.distance is not None and pick.nearest is not None:
        meta.append(
            f'{number(pick.distance)} from <a href="#pick-{pick.nearest}">'
            f'{pick.nearest}</a>, the nearest before'
        )
    elif not pick.group.initial:
        meta.append('the first pick' if pick.number == 1 else 'no distance measured')
    if pick.score is not None:
        meta.append(f'score {number(pick.score)}')
    bar = ''
    if pick.distance is not None:
        share = 100 * pick.distance / longest
        bar = f'<div class="bar"><i style="width:{share:.1f}%"></i></div>'
    return (
        f'<li class="card" id="pick-{pick.number}" style="--c:{pick.group.color}">'
        f'{pair}<p class="name"><b>{pick.number}</b>{name}</p>'
        f'<p class="meta">{", ".join(meta)}</p>{bar}</li>'
    )


def _picture(pick: Pick) -> str:
    """The thumbnail, with an id by which other cards show it, too."""
    if pick.thumbnail is None:
        return f'<span><em>no image</em>pick {pick.number}</span>'
    image = pick.thumbnail
    return (
        f'<span><svg viewBox="0 0 {image.width} {image.height}" role="img" '
        f'aria-label="{escape(pick.name)}"><image id="image-{pick.number}" '
        f'width="{image.width}" height="{image.height}" href="{image.uri}"/></svg>'
        f'pick {pick.number}</span>'
    )


def _neighbour(pick: Pick, picks: list[Pick]) -> str:
    if pick.nearest is None:
        words = 'labelled already' if pick.group.initial else 'nothing chosen before'
        return f'<span><em>{words}</em></span>'
    other = picks[pick.nearest - 1]
    caption = f'nearest before: {pick.nearest}'
    if other.thumbnail is None:
        picture = '<em>no image</em>'
    else:
        image = other.thumbnail
        picture = (
            f'<svg viewBox="0 0 {image.width} {image.height}" role="img" '
            f'aria-label="{escape(other.name)}"><use href="#image-{pick.nearest}"/>'
            '</svg>'
        )
    return f'<a href="#pick-{pick.nearest}">{picture}{caption}</a>'
