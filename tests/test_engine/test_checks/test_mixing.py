"""Mix images have what a mixer needs, before the burn-in is over."""

from types import SimpleNamespace

import pytest
from mmseg.structures import SegDataSample

from mmdepthseg.datasets.samplers import MultiSourceSampler
from mmdepthseg.engine.checks.mixing import check_mixing
from mmdepthseg.models.mixing import ClassMix, DepthMix, NoMix
from mmdepthseg.utils.errors import UserError


def sample(branch, **fields):
    data = SegDataSample(metainfo=dict(branch=branch))
    for name, value in fields.items():
        setattr(data, name, value)
    return dict(inputs={}, data_samples=data)


def loader(*counts):
    data = SimpleNamespace(datasets=[[1, 2]] * len(counts), cumulative_sizes=counts)
    return SimpleNamespace(sampler=MultiSourceSampler(data, counts, seed=0))


def model(mixing, needs=False):
    return SimpleNamespace(mixing=mixing, needs_depth_labels=needs)


def test_depth_for_each_source():
    known = SegDataSample()
    found = dict(
        a=sample('labeled'),
        b=sample('mix', disparity_map=known),
        c=sample('mix'),
    )
    with pytest.raises(UserError, match='c: DepthMix.*LoadSDEDisparity'):
        check_mixing(found, loader(2, 1, 1), model(DepthMix(), needs=True))
    check_mixing(found, loader(2, 1, 1), model(DepthMix()))
    del found['c']
    check_mixing(found, loader(2, 2), model(DepthMix(), needs=True))


def test_number_of_mix_images():
    found = dict(a=sample('labeled'), b=sample('mix'))
    with pytest.raises(UserError, match='source_counts: ClassMix'):
        check_mixing(found, loader(3, 1), model(ClassMix()))
    check_mixing(found, loader(3, 1), model(NoMix()))
    check_mixing(found, loader(1, 2), model(ClassMix()))
    check_mixing({**found, 'c': sample('mix')}, loader(2, 1, 1), model(ClassMix()))
    check_mixing(found, SimpleNamespace(sampler=None), model(ClassMix()))


def test_other_models_are_not_checked():
    check_mixing(dict(a=sample(None)), loader(1), model(ClassMix()))
    check_mixing(dict(a=sample('mix')), loader(1), SimpleNamespace())
    check_mixing(dict(a={'inputs': {}}), loader(1), model(ClassMix()))
