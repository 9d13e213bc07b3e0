"""Tests draw the same numbers in any order, and nothing stays of them."""

import os
import random
import zlib

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope


def draw():
    return random.random(), np.random.rand(), torch.rand(()).item()


def numbers_of(name):
    seed = zlib.crc32(name.encode())
    return (
        random.Random(seed).random(),
        np.random.RandomState(seed).rand(),
        torch.rand((), generator=torch.Generator().manual_seed(seed)).item(),
    )


@pytest.fixture(scope='module')
def shared():
    DefaultScope.get_instance('left by a fixture', scope_name='mmseg')
    return draw()


@pytest.mark.parametrize('place', ['first', 'second'])
def test_numbers_are_those_of_the_name(place, shared, request):
    assert draw() == numbers_of(request.node.nodeid)
    assert shared == numbers_of('tests/test_independence.py::shared')


@pytest.mark.parametrize('place', ['first', 'second'])
def test_nothing_stays(place, shared, tmp_path):
    assert not DefaultScope.check_instance_created('left by a fixture')
    assert not DefaultScope.check_instance_created('left')
    assert 'MMDEPTHSEG_LEFT' not in os.environ
    assert not os.path.exists('left')
    assert torch.get_num_threads() == cv2.getNumThreads() == 1
    DefaultScope.get_instance('left', scope_name='mmseg')
    os.environ['MMDEPTHSEG_LEFT'] = '1'
    os.chdir(tmp_path)
    (tmp_path / 'left').touch()
    torch.set_num_threads(2)
    cv2.setNumThreads(2)
