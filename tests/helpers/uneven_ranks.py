"""What each of two processes does with data that the two cannot share evenly."""

import os
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from mmengine.dataset import DefaultSampler
from mmengine.dist import all_gather_object, all_reduce, get_dist_info, get_rank
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from helpers.tiny_models import DEPTH_HEAD, build
from mmdepthseg.apis import generate_depth_labels
from mmdepthseg.apis import pool as pool_module
from mmdepthseg.apis.pool import ImagePool, compute_in_parts
from mmdepthseg.datasets.depth_labels import DepthLabelStore
from mmdepthseg.evaluation import (
    DepthMetric,
    IoUMetric,
    PoseMetric,
    PseudoLabelMetric,
)
from mmdepthseg.launch.config import load_config
from mmdepthseg.launch.setup import leave_distributed
from mmdepthseg.models.losses import (
    BerHuLoss,
    ConfidentPixelLoss,
    PseudoLabelLoss,
    ViewSynthesisLoss,
)
from mmdepthseg.registry import DATASETS
from mmdepthseg.structures import FrameBatch

CLASSES = ('road', 'car', 'sky')
#: Of images; two processes have 1 and 3 unevenly, and 2 evenly.
COUNTS = (1, 2, 3, 5)
BATCHES = (5, 12)


def sample(index: int, labelled: bool = True) -> dict:
    """Predictions and truth of image number `index`."""
    generator = torch.Generator().manual_seed(index)
    logits = torch.randn(3, 4, 6, generator=generator) * 3
    labels = torch.randint(0, 3, (1, 4, 6), generator=generator)
    depth = torch.rand(2, 1, 4, 6, generator=generator) * 50 + 1
    motion = np.eye(4)
    motion[:3, 3] = logits[0, 0, :3].double()
    made = SegDataSample(
        metainfo=dict(
            img_path=f'a/{index}.png',
            img_id=f'a/{index}',
            poses_path='a',
            pose_lines=[index, index + 1],
            adjacent_offsets=(1,),
            gt_poses=np.stack([np.eye(4), np.linalg.inv(motion * [1, 1, 1, 2])]),
            pred_transforms=motion[None],
        )
    )
    made.seg_logits = PixelData(data=logits)
    made.pred_sem_seg = PixelData(data=logits.argmax(0, keepdim=True))
    made.pred_depth_map = PixelData(data=depth[0])
    made.gt_depth_map = PixelData(data=depth[1])
    if labelled:
        made.gt_sem_seg = PixelData(data=labels)
    return made.to_dict()


def measured(out: Path) -> dict:
    """Figures of every metric over few images, by name and number."""
    found = {}
    for count in COUNTS:
        metrics = dict(
            iou=IoUMetric(areas_file=str(out / f'areas_{count}')),
            unlabelled=IoUMetric(output_dir=str(out / 'maps')),
            depth=DepthMetric(),
            pseudo=PseudoLabelMetric(threshold=0.8),
            pose=PoseMetric(),
        )
        for name, metric in metrics.items():
            metric.dataset_meta = dict(classes=CLASSES)
            for index in DefaultSampler(range(count), shuffle=False):
                # one without label, and one that the other rank repeats
                labelled = index != 1 or name != 'unlabelled'
                metric.process({}, [sample(index, labelled)])
            found[f'{name} {count}'] = metric.evaluate(count)
    return found


def losses() -> dict[str, float]:
    """Mean over the ranks of losses on images with different numbers of pixels."""
    generator = torch.Generator().manual_seed(0)

    def mine(*shape: int) -> torch.Tensor:
        rank, ranks = get_dist_info()
        return torch.rand(4, *shape, generator=generator)[rank::ranks]

    logits, confidence = mine(3, 4, 6), mine(4, 6) ** (1 + 9 * mine(1, 1))
    labels = (mine(4, 6) * 3).long().masked_fill(mine(4, 6) < mine(1, 1), 255)
    images, sources, disparity = mine(3, 4, 6), mine(1, 3, 4, 6), mine(1, 4, 6)
    camera = torch.tensor([[5.0, 0, 3], [0, 5, 2], [0, 0, 1]]).expand(len(images), 3, 3)
    motion = torch.eye(4).repeat(len(images), 1, 1, 1)
    motion[..., 2, 3] = -20 * mine(1)  # what is nearer comes to lie behind the camera
    frames = dict(auto_mask=False, smooth_weight=0.0, min_depth=1.0)
    views = ViewSynthesisLoss(**frames)([disparity], images, sources, camera, motion)
    found = dict(
        pseudo=PseudoLabelLoss(0.5)(logits, labels, confidence),
        confident=ConfidentPixelLoss(0.5)(logits, labels, confidence),
        berhu=BerHuLoss()(disparity, mine(1, 4, 6) * mine(1, 1, 1)),
        views=views['loss_photometric'],
    )
    for value in found.values():
        all_reduce(value, 'mean')
    return {name: float(value) for name, value in found.items()}


def computed(world: Path, out: Path) -> dict:
    """Names of the images in each batch that any rank has computed; their results."""
    cfg, model = load_config(world / 'select.py'), build(depth_head=DEPTH_HEAD).eval()
    pool_module.BATCHES_PER_PART = 1
    found = {}
    for size in BATCHES:
        dataset = DATASETS.build(
            dict(cfg.predict_dataloader.dataset, pipeline=cfg.predict_pipeline)
        )
        pool, seen = ImagePool(dataset, size), []

        def compute(batch: dict) -> np.ndarray:
            seen.append([s.metainfo['img_id'] for s in batch['data_samples']])
            return FrameBatch.of(batch['inputs']).img.mean((1, 2, 3)).numpy()

        file = out / f'{size}.npy'
        rows = range(len(pool))
        compute_in_parts(pool, rows, model, compute, out / 'parts', file, 'means')
        parts = all_gather_object(seen)
        found[f'parts {size}'] = sorted(sum(parts, []))
        found[f'means {size}'] = np.load(file).tolist()
        store = DepthLabelStore(out / f'labels_{size}')
        if get_rank() == 0:
            (out / 'weights').write_bytes(b'')
            store.begin(out / 'weights', {})
        if dist.is_initialized():
            dist.barrier()
        store.load_manifest()
        written = generate_depth_labels(model, dataset, store, size, num_workers=0)
        found[f'labels {size}'] = written
        files = sorted(store.root.rglob('*.png'))
        found[f'files {size}'] = [file.read_bytes() for file in files]
    return found


def everything(world: Path, out: Path) -> dict:
    """Both, on the ranks that there are."""
    torch.manual_seed(0)
    return dict(losses=losses()) | measured(out) | computed(world, out)


def run(rank: int, world: str, out: str) -> None:
    """Do everything; rank 0 writes what was found."""
    torch.set_num_threads(1)
    os.chdir(out)
    method = f'file://{out}/rendezvous'
    dist.init_process_group('gloo', init_method=method, rank=rank, world_size=2)
    found = everything(Path(world), Path(out))
    if rank == 0:
        torch.save(found, f'{out}/found')
    leave_distributed()
