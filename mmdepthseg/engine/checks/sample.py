"""Checks of first samples, and of their way through a model; see `CheckStartHook`."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from mmengine.dataset import BaseDataset, ConcatDataset, pseudo_collate
from mmengine.optim import OptimWrapper
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder
from torch import nn

from mmdepthseg.datasets.samplers.stream_index import StreamIndex
from mmdepthseg.datasets.transforms.foreign import check_pipeline
from mmdepthseg.engine.checks.label_ids import LabelIds
from mmdepthseg.engine.random_state import kept_random_state
from mmdepthseg.engine.runs import parts_of, source_keys
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.modes import kept_modes

#: Models of MMSegmentation that only the first iteration would check. Ours compare
#: levels, heads and sizes when they are built.
FOREIGN = (EncoderDecoder, CascadeEncoderDecoder)


def check_sample(
    place: str,
    dataset: Any,
    model: nn.Module | None = None,
    optim_wrapper: OptimWrapper | None = None,
    label_ids: LabelIds | None = None,
) -> dict[str, Mapping]:
    """Load the first sample of each source, and give one to a model of MMSegmentation.

    The random state stays as it is. Other data sets and models are not checked.

    Args:
        place: Key of the data loader.
        dataset: Its data set.
        model: The model that trains on it; None: only load the samples.
        optim_wrapper: The training's, whose precision counts.
        label_ids: The ids that labels may have; None: any.

    Returns:
        Key of each source -> its first sample.

    Raises:
        UserError: A transform leaves parts of the samples unchanged, the pipeline gives
            no input, a label has other ids, or the model cannot take it: names the key,
            and the levels that the backbone gives.
    """
    parts = list(parts_of(dataset))
    for part in parts:
        steps = getattr(part, 'pipeline', None)
        check_pipeline(steps, f'{place}: {type(part).__name__}')
    if not all(isinstance(part, BaseDataset) for part in parts):
        return {}
    samples = {}
    with kept_random_state():
        for key, index in _firsts(place, dataset):
            # a position as samplers give it, for SeedBySample
            sample = dataset[StreamIndex(index, pos=index, seed=0)]
            if not isinstance(sample, Mapping):
                continue
            if 'inputs' not in sample:
                raise UserError(
                    f'{key}: the pipeline of its data set gives {", ".join(sample)}, '
                    'but no `inputs`: end it with PackDepthSegInputs or PackSegInputs'
                )
            if label_ids is not None:
                label_ids.check(sample)
            samples[key] = sample
        if samples and isinstance(model, EncoderDecoder) and type(model) in FOREIGN:
            context: AbstractContextManager = nullcontext()
            if isinstance(optim_wrapper, OptimWrapper):  # not several by name
                context = optim_wrapper.optim_context(model)
            with context, torch.no_grad(), kept_modes(model.modules()):
                _pass(next(iter(samples.values())), model)
    preprocessor = getattr(model, 'data_preprocessor', None)
    for key, sample in samples.items():
        of_ours = isinstance(sample['inputs'], Mapping)
        if of_ours and isinstance(preprocessor, SegDataPreProcessor):
            raise UserError(
                f'model.data_preprocessor: {type(preprocessor).__name__} does not take '
                f'what PackDepthSegInputs gives ({key}): use DepthSegDataPreProcessor, '
                'with the same mean, std and bgr_to_rgb'
            )
    return samples


def _firsts(place: str, dataset: Any) -> Iterator[tuple[str, int]]:
    """Yield key and first index of each source that has samples."""
    if not isinstance(dataset, ConcatDataset):
        if len(dataset):
            yield place, 0
        return
    firsts = [0, *dataset.cumulative_sizes[:-1]]
    keys = source_keys(dataset, f'{place}.dataset')
    for key, first, part in zip(keys, firsts, dataset.datasets, strict=True):
        if len(part):
            yield key, first


def _pass(sample: Mapping, model: EncoderDecoder) -> None:
    levels: Any = ()
    network = cast(Any, model.eval())
    try:
        # as in training, where images get the size of data_preprocessor
        data = network.data_preprocessor(pseudo_collate([sample]), True)
        levels = network.backbone(data['inputs'])
        infos = [one.metainfo for one in data['data_samples']]
        network.encode_decode(data['inputs'], infos)
        if network.with_auxiliary_head:
            features, heads = network.extract_feat(data['inputs']), model.auxiliary_head
            for head in heads if isinstance(heads, nn.ModuleList) else [heads]:
                head.forward(features)
    except torch.OutOfMemoryError:
        raise
    except (
        AssertionError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        levels = levels if isinstance(levels, list | tuple) else [levels]
        shapes = [tuple(one.shape[1:]) for one in levels if torch.is_tensor(one)]
        raise UserError(
            f'model: the first training image cannot pass it ({error}). Levels of the '
            f'backbone: {shapes or "none"} (channels, height, width); compare '
            'in_channels and in_index of the neck and heads with them, and `size` of '
            'data_preprocessor with the crop; samples of PackDepthSegInputs are for '
            'DepthSegDataPreProcessor'
        ) from error
