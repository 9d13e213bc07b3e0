"""Shared by the weight converters: command line, conversion and report."""

import argparse
import pprint
from collections import defaultdict
from collections.abc import Mapping

from mmdepthseg.checkpoints.converters.convert import (
    PROJECTS,
    SHOWN,
    Converted,
    convert,
    save,
)
from mmdepthseg.launch.config import load_config
from mmdepthseg.launch.tool import add_debug, add_trust
from mmdepthseg.utils.errors import UserError, listed

_LEVELS = 2


def run(project: str, args: argparse.Namespace) -> None:
    """Convert according to the command line and report.

    Args:
        project: A key of `PROJECTS`.
        args: See `parse_args`.

    Raises:
        UserError: See `convert`; or the config has no model.
    """
    if not str(args.dst).endswith('.pth'):
        raise UserError(
            f"the checkpoint's name must end with .pth, got {args.dst} "
            '(it comes last: SRC ... DST)'
        )
    config = _model_of(args.config) if args.config else None
    converted = convert(args.src, project, config, strict=not args.allow_mismatch)
    save(converted, args.dst)
    for line in report(converted, args.list):
        print(line)
    if config is None:
        model = pprint.pformat(converted.config, width=80, sort_dicts=False)
        print(f'\nA matching model:\nmodel = {model}\n')
    print(f'Written: {args.dst}\nLicence: {PROJECTS[project].licence}')


def _model_of(path: str) -> Mapping:
    model = load_config(path).get('model')
    if not isinstance(model, Mapping):
        raise UserError(
            f'{path} has no `model` to compare the weights with; name a complete '
            'config, or leave out --config'
        )
    return model


def report(converted: Converted, every_name: bool = False) -> list[str]:
    """Return lines that say where each entry of the source went.

    Args:
        converted: See `convert`.
        every_name: One line per entry instead of one per part of the network.
    """
    result = converted.conversion
    groups = defaultdict(list)
    for ours, theirs in result.sources.items():
        groups['.'.join(ours.split('.')[:_LEVELS])].append((theirs, ours))
    renamed = sum(ours != theirs for ours, theirs in result.sources.items())
    lines = [f'used: {len(result.sources)} entries, {renamed} of them renamed']
    for part, pairs in groups.items():
        if every_name:
            lines += [f'  {theirs} -> {ours}' for theirs, ours in pairs]
        else:
            theirs, ours = pairs[0]
            lines.append(f'  {part}: {len(pairs)}, such as {theirs} -> {ours}')
    lines.append(f'dropped: {len(result.dropped)}')
    reasons = defaultdict(list)
    for name, reason in result.dropped.items():
        reasons[reason].append(name)
    for reason, names in reasons.items():
        shown = ', '.join(names) if every_name else listed(names, SHOWN)
        lines.append(f'  {shown}: {reason}')
    left_over = (
        ', '.join(result.left_over) if every_name else listed(result.left_over, SHOWN)
    )
    lines.append(
        f'left over: {len(result.left_over)}' + (f' ({left_over})' if left_over else '')
    )
    match = converted.match
    total = len(match.matched) + len(match.missing) + len(match.misshapen)
    lines.append(f'model: {len(match.matched)} of {total} entries filled')
    return lines + [f'  {line}' for line in match.differences(SHOWN)]


def parse_args(description: str, argv: list[str] | None) -> argparse.Namespace:
    """Read the command line of a converter with this description."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'src',
        nargs='+',
        help='folder with encoder.pth, depth.pth (and pose_encoder.pth, pose.pth), '
        'these files, or one training file best_model*.pkl',
    )
    parser.add_argument('dst', help='checkpoint to write, *.pth')
    parser.add_argument(
        '--config',
        help='config whose model the weights must fit (default: the model inferred '
        'from their names and shapes, which is printed)',
    )
    parser.add_argument(
        '--allow-mismatch',
        action='store_true',
        help='report names without a rule and entries missing in the model, and '
        'convert the rest',
    )
    parser.add_argument('--list', action='store_true', help='report every entry')
    add_trust(parser)
    add_debug(parser)
    return parser.parse_args(argv)
