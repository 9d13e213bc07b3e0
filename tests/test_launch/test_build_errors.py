"""Entries of a config that cannot be built are named by type and key."""

import pytest
from mmengine.registry import Registry

from mmdepthseg.launch.build_errors import describe_build_error

PARTS = Registry('part')


@PARTS.register_module()
class Wheel:
    """Takes a size; `hub` is built inside, and may be wrong itself."""

    def __init__(self, size, hub=None):
        if hub:
            PARTS.build(hub)
        if size == 'broken':
            self.turn(speed=3)

    def turn(self):
        """Take no speed: a call with one is a defect of this class."""


@pytest.mark.parametrize(
    ('config', 'names'),
    [
        (dict(type='Wheel', size=3, spoke=1), ("'Wheel'", "'spoke'")),
        (dict(type='Wheel', size=3, sise=4), ("'Wheel'", "'sise'", "'size'")),
        (dict(type='Wheel', size=3, hub=dict(type='Hub')), ("'Hub'", 'part')),
        (dict(type='Weel'), ("'Weel'", "'Wheel'", 'custom_imports')),
        (dict(type='Wheel'), ("'Wheel'", "'size'")),
        (dict(size=3), ('type',)),
    ],
)
def test_type_and_key(config, names):
    with pytest.raises((KeyError, TypeError)) as caught:
        PARTS.build(config)
    message = describe_build_error(caught.value)
    assert all(name in message for name in names)


def test_a_defect_is_not_the_configs():
    with pytest.raises(TypeError) as caught:
        PARTS.build(dict(type='Wheel', size='broken'))
    assert describe_build_error(caught.value) is None
    assert describe_build_error(TypeError('elsewhere')) is None
