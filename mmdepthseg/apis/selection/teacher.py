"""SDE teacher of a selection: features, and depth labels for the students."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dist import barrier
from mmengine.model import BaseModel

from mmdepthseg.apis.depth_labels import generate_depth_labels
from mmdepthseg.apis.fingerprint import fingerprint, fingerprint_by_time
from mmdepthseg.apis.pool import (
    PARTS,
    ImagePool,
    compute_in_parts,
    is_ready,
)
from mmdepthseg.apis.stamped_folder import StampedFolder
from mmdepthseg.datasets.depth_labels import DepthLabelStore
from mmdepthseg.models.segmentors.samples import without_padding
from mmdepthseg.name_lists import write_names
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import file_hash, read_array
from mmdepthseg.utils.progress import Progress
from mmdepthseg.utils.ranks import from_main

FEATURES = 'features.npy'
NAMES = 'names.txt'
DEPTH_LABELS = 'depth_labels'


class FeatureExtractor:
    """Average-pooled features of a depth network (3W, section 3.5).

    Args:
        model: With `extract_feat` and, for `step`, a depth head with a U-Net
            `decoder`.
        size: (h, w) after pooling.
        step: Of the decoder; the paper uses 3, stride 8.
        level: Of the backbone, instead of a step.

    Raises:
        UserError: The model has no such step or level.
    """

    def __init__(
        self,
        model: BaseModel,
        size: tuple[int, int],
        step: int | None = None,
        level: int | None = None,
    ) -> None:
        self.model, self.size, self.step, self.level = model, size, step, level
        if step is None:
            return
        decoder = getattr(getattr(model, 'depth_head', None), 'decoder', None)
        if decoder is None:
            raise UserError(
                f'the teacher ({type(model).__name__}) has no depth head with a U-Net '
                'decoder, so selection.features.step does not apply; use '
                'selection.features=dict(level=-1), a level of its backbone'
            )
        steps = range(decoder.last_step, len(decoder.channels))
        if step not in steps:
            raise UserError(
                f"selection.features.step={step}: the teacher's decoder "
                f'has the steps {list(steps)}'
            )

    def __call__(self, batch: dict) -> np.ndarray:
        """Return the features (N, C, h, w) float32 of a preprocessed batch."""
        img = FrameBatch.of(batch['inputs']).img
        levels = self.model.extract_feat(img)
        if self.step is not None:
            decoder = self.model.depth_head.decoder
            features = decoder(levels, last_step=self.step)[self.step]
        elif self.level is not None and -len(levels) <= self.level < len(levels):
            features = levels[self.level]
        else:
            raise UserError(
                f"selection.features.level={self.level}: the teacher's "
                f'backbone has {len(levels)} levels'
            )
        pooled = []
        samples = batch.get('data_samples')
        for own in without_padding(features.float(), samples, img.shape[2:]):
            if self.size[0] > own.shape[1] or self.size[1] > own.shape[2]:
                raise UserError(
                    f'selection.features.size={self.size} is more than the features '
                    f'have ({tuple(own.shape[1:])}): use a smaller size, larger images '
                    'or a finer step'
                )
            pooled.append(F.adaptive_avg_pool2d(own, self.size))
        return torch.stack(pooled).cpu().numpy()


class Teacher:
    """A trained SDE network and its stored features and depth labels.

    Args:
        model: In eval mode.
        checkpoint: Its checkpoint.
        cfg: Config of the pool; its `predict_pipeline` matters.
        model_cfg: The model's config.
        folder: Folder of the features and depth labels.
        overwrite: Replace results that were made with other inputs.

    Attributes:
        made_with: Inputs that decide all results.
    """

    def __init__(
        self,
        model: BaseModel,
        checkpoint: Path,
        cfg: Config,
        model_cfg: dict,
        folder: Path,
        overwrite: bool,
    ) -> None:
        self.model = model
        self.checkpoint = checkpoint
        self.folder = folder
        self.overwrite = overwrite
        self.pipeline = [dict(t) for t in cfg.predict_pipeline]
        self.made_with = dict(
            checkpoint_sha256=file_hash(checkpoint),
            model=model_cfg,
            pipeline=self.pipeline,
        )

    def features(self, pool: ImagePool, options: dict) -> np.ndarray:
        """Return the features of the pool, (N, C, h, w) float32, memory-mapped.

        They are in `features.npy`, the names of the images in `names.txt`.

        Args:
            pool: The images.
            options: Those of `FeatureExtractor`.

        Raises:
            UserError: Existing features were made with other inputs.
        """
        extract = FeatureExtractor(self.model, **options)
        out = self.folder / FEATURES
        work = StampedFolder(
            self.folder / 'features',
            'the features',
            dict(
                self.made_with,
                features=options,
                images=fingerprint(pool, self.folder),
            ),
            dict(images=from_main(lambda: fingerprint_by_time(pool))),
        )

        def finish() -> None:
            write_names(self.folder / NAMES, pool.names)
            work.finish(sha256=file_hash(out))

        if not is_ready(work, out, len(pool), self.overwrite):
            compute_in_parts(
                pool,
                range(len(pool)),
                self.model,
                extract,
                work.folder / PARTS,
                out,
                'features',
                finish,
            )
        return read_array(out)

    def depth_labels(self, pool: ImagePool) -> Path:
        """Return the folder of the pool's depth labels, computing missing ones.

        Raises:
            UserError: Existing labels were made with other inputs.
        """
        root = self.folder / DEPTH_LABELS
        store = DepthLabelStore(root)
        options = {key: self.made_with[key] for key in ('model', 'pipeline')}
        from_main(
            lambda: store.begin(
                self.checkpoint, options, self.overwrite, names=pool.names
            )
        )
        store.load_manifest()
        barrier()  # no rank writes before all have read
        generate_depth_labels(
            self.model,
            pool.dataset,
            store,
            pool.batch_size,
            pool.num_workers,
            Progress('depth labels', 'images'),
        )
        barrier()
        return root
