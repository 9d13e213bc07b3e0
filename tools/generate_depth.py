"""Write the disparity of a trained SDE model as 16-bit depth labels, one per image.

Example:
    python tools/generate_depth.py CONFIG CHECKPOINT --out data/streets/depth_labels
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmdepthseg.launch.tool import add_config_options, run_tool  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config of the model and the images')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('--out', required=True, help='folder to write to')
    parser.add_argument(
        '--model-config',
        help='config of the model, if CONFIG only gives the images (for example a '
        'segmentation config whose images need depth labels)',
    )
    parser.add_argument(
        '--split',
        default='predict',
        choices=['predict', 'train', 'val', 'test'],
        help="take the images of the config's SPLIT_dataloader (default: predict)",
    )
    parser.add_argument('--batch-size', type=int, help="default: the dataloader's")
    parser.add_argument('--num-workers', type=int, help="default: the dataloader's")
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ... (default: best)')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='first remove labels in --out that were made with something else',
    )
    add_config_options(parser)
    return parser.parse_args(argv)


def generate(args: argparse.Namespace) -> None:
    """Build model and data set, write the missing labels."""
    from mmengine.device import get_device

    from mmdepthseg.apis import generate_depth_labels, load_model
    from mmdepthseg.apis.pool import predicted_images
    from mmdepthseg.datasets.depth_labels import DepthLabelStore
    from mmdepthseg.launch.config import load_config
    from mmdepthseg.utils.errors import UserError
    from mmdepthseg.utils.files import check_writable
    from mmdepthseg.utils.progress import Progress

    cfg = load_config(args.config, args.cfg_options)
    lost = [o for o in args.cfg_options or () if o.lstrip('+').split('.')[0] == 'model']
    if args.model_config and lost:
        raise UserError(
            f'--cfg-options {", ".join(lost)}: the model is that of --model-config, '
            'which takes no options: write them into a config of their own'
        )
    dataset = predicted_images(cfg, args.split)
    loader = cfg[f'{args.split}_dataloader']
    out = Path(args.out).expanduser()
    checkpoint = Path(args.checkpoint).expanduser()
    check_writable(out, 'folder of --out')
    model_cfg = load_config(args.model_config) if args.model_config else cfg
    model = load_model(model_cfg, checkpoint, args.device or get_device())
    store = DepthLabelStore(out)
    pipeline = [dict(t) for t in cfg.predict_pipeline]
    made_by = model_cfg.model.to_dict()
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    names = [str(info['img_id']) for info in infos if 'img_id' in info]
    made_with = dict(model=made_by, pipeline=pipeline)
    bad = store.begin(checkpoint, made_with, args.overwrite, names)
    if bad:
        print(
            f'{len(bad)} depth label(s) truncated or missing, computed again: '
            f'{", ".join(bad[:5])}'
        )
    written = generate_depth_labels(
        model,
        dataset,
        store,
        batch_size=loader.batch_size if args.batch_size is None else args.batch_size,
        num_workers=loader.num_workers
        if args.num_workers is None
        else args.num_workers,
        progress=Progress('depth labels', 'images'),
    )
    print(f'{out}: {written} depth labels written, {len(dataset) - written} were there')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, generate, argv)


if __name__ == '__main__':
    main()
