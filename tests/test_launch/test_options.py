"""`--cfg-options` are read as meant."""

import argparse
import warnings

import pytest
from mmengine.config import Config

from mmdepthseg.launch.options import OptionsAction, apply_options, option_texts
from mmdepthseg.utils import UserError


def parse(*pairs: str) -> dict:
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    return parser.parse_args(['--cfg-options', *pairs]).cfg_options


def test_values_are_read_as_mmengine_does_and_dicts_too():
    pairs = ('a.b=1', 'c=[1,2]', 'd=x,y', 'e=None', 'f=true', 'g=(0.5,1)', 'h=(1)')
    assert parse(*pairs) == {
        'a.b': 1,
        'c': [1, 2],
        'd': ['x', 'y'],
        'e': None,
        'f': True,
        'g': (0.5, 1),
        'h': (1,),
    }
    assert parse("hooks=[{'type': 'X', 'n': 1}]") == {'hooks': [dict(type='X', n=1)]}
    assert parse('ema=dict(decay=0.9, steps=[dict(a=(1, 2))])') == {
        'ema': dict(decay=0.9, steps=[dict(a=(1, 2))])
    }


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ("['09','10']", ['09', '10']),
        ("'09'", '09'),
        ("('09')", ('09',)),
        ("'09','10'", ['09', '10']),
        ("['09',b,true,3]", ['09', 'b', True, 3]),
        ('../{clip}.txt', '../{clip}.txt'),
        ('{clip}/x', '{clip}/x'),
        ('[../{clip}.txt,b]', ['../{clip}.txt', 'b']),
        ("'C:\\new'", 'C:\\new'),
        ('dict(a=1),dict(b=c)', [dict(a=1), dict(b='c')]),
        ('[a,b]', ['a', 'b']),
        ('my data/a b.png', 'my data/a b.png'),
        ('a, b', ['a', 'b']),
        ("['a b', 'c,d']", ['a b', 'c,d']),
        ('[a#1,b]', ['a#1', 'b']),
        ('dict(type=mmseg.X, n=-1)', dict(type='mmseg.X', n=-1)),
    ],
)
def test_quotes_braces_and_words(text, value):
    assert parse(f'key={text}') == {'key': value}
    assert parse(*option_texts({'key': value})) == {'key': value}


def test_options_as_texts():
    options = {'a.b': 1, '+c': '1', 'd': 0.5, 'e': None, 'f': True, 'g': 'True'}
    options |= {'h': (1,), 'i': [], 'j': '', 'k': ' x ', 'l': '/a/b.png', 'm': "it's"}
    texts = option_texts(options)
    assert texts[:3] + texts[10:11] == ['a.b=1', "+c='1'", 'd=0.5', 'l=/a/b.png']
    found = parse(*texts)
    assert found == options and [*map(type, found.values())] == [
        type(value) for value in options.values()
    ]


@pytest.mark.parametrize(
    'pair',
    [
        'max_iters',
        '=3',
        'a=[1,(2]',
        "a={'x':",
        'a=b(1,2)',
        'a=dict(b)',
        "a=dict(b=len('c'))",
        'a={[1]:2}',
        'a={1:{[]: 2}}',
        'a={type:X,max_epochs:2}',
        'a=../a b.txt,c.txt',
        'a=dict(path=a/b)',
    ],
)
def test_unreadable_pairs_are_refused(pair, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(pair)
    assert stop.value.code == 2
    assert pair.split('=')[0] in capsys.readouterr().err


def make_config() -> Config:
    return Config(dict(model=dict(type='X', channels=3), steps=[dict(p=1), dict(p=2)]))


def test_options_reach_into_dicts_and_lists():
    config = make_config()
    apply_options(config, {'model.channels': 8, 'steps.1.p': 0})
    assert config.model.channels == 8
    assert [step.p for step in config.steps] == [1, 0]


def test_a_list_replaces_a_tuple_as_a_tuple():
    crop = dict(type='RandomCrop', crop_size=(512, 512), scales=[1, 2])
    config = Config(dict(pipeline=[crop]))
    apply_options(config, parse('pipeline.RandomCrop.crop_size=[128,128]'))
    assert config.pipeline[0].crop_size == (128, 128)
    whole = dict(crop_size=[64, 64], scales=[3])
    apply_options(config, {'pipeline.0': whole})
    assert config.pipeline[0] == dict(crop, crop_size=(64, 64), scales=[3])


@pytest.mark.parametrize(
    ('pair', 'expected'),
    [
        ('draw=no', 'True or False'),
        ('rate=1e-3x', 'a number'),
        ('data.clips=ride_1', r"data.clips=\"\['ride_1'\]\""),
        ('data.size=big', 'a list'),
    ],
)
def test_text_is_no_number_truth_value_or_list(pair, expected):
    values = dict(draw=True, rate=0.1, data=dict(clips=['a'], size=(1, 2)), name='x')
    config = Config(values)
    with pytest.raises(UserError, match=f'{pair}: .*{expected}'):
        apply_options(config, parse(pair))
    assert config.to_dict() == values
    apply_options(config, parse(f'+{pair}', 'name=no'))
    assert config.name == 'no' and config.to_dict() != values


NESTED = dict(
    model=dict(type='Net', backbone=dict(type='ResNet', depth=18, strides=(1, 2))),
    optimizer=dict(type='SGD', lr=0.1, betas=(0.9, 0.99), nesterov=[False]),
    steps=[dict(type='PolyLR', end=3), 'x'],
)


@pytest.mark.parametrize(
    ('pair', 'named'),
    [
        ('model.backbone=dict(depth="eighteen")', 'model.backbone.depth=eighteen'),
        ('model=dict(backbone=dict(depth=x))', 'model.backbone.depth=x'),
        ("optimizer=dict(type='SGD', lr='1e-3')", 'optimizer.lr=1e-3'),
        ("optimizer=dict(betas=['0.9', 0.99])", r'optimizer\.betas\.0=0\.9'),
        ("optimizer.betas=['0.9', 0.99]", r'optimizer\.betas\.0=0\.9'),
        ('optimizer.nesterov=[no]', r'optimizer\.nesterov\.0=no.*True'),
        ("steps=[dict(type='PolyLR', end='3')]", r'steps\.0\.end=3'),
        ('model=dict(backbone=ResNet)', r"model\.backbone=ResNet.*type='ResNet'"),
        ('model.backbone=ResNet', r"model\.backbone=ResNet.*type='ResNet'"),
        ('model.backbone=dict(stride=1)', "'stride'.*'strides'"),
        ("steps=dict(type='PolyLR')", r'steps="\[dict'),
    ],
)
def test_values_inside_of_dicts_and_lists_are_compared_too(pair, named):
    config = Config(NESTED)
    with pytest.raises(UserError, match=named):
        apply_options(config, parse(pair))
    assert config.to_dict() == NESTED
    if not pair.startswith('steps=dict'):  # which MMEngine refuses
        apply_options(config, parse(f'+{pair}'))
        assert config.to_dict() != NESTED


@pytest.mark.parametrize(
    'pair',
    [
        "optimizer=dict(type='Adam', lr=auto, amsgrad=no)",  # others' keys
        'optimizer=dict(_delete_=True, type=SGD, lr=x)',
        'optimizer=dict(lr=1, betas=[0, 1])',
        "steps=[dict(type='StepLR', end=last), dict(type='PolyLR')]",
        'model.backbone=None',
        'steps={"0": dict(end=4)}',
    ],
)
def test_values_of_the_same_kind_or_of_another_type_pass(pair):
    config = Config(NESTED)
    apply_options(config, parse(pair))
    assert config.to_dict() != NESTED


def test_entries_of_lists_go_by_their_type_too():
    pipeline = [
        dict(type='Load'),
        dict(type='mmseg.Resize', scale=1),
        dict(type='Load'),
    ]
    config = Config(dict(data=[dict(pipeline=pipeline)], names=['a']))
    apply_options(config, {'data.0.pipeline.Resize.scale': 2})
    assert config.data[0].pipeline[1] == dict(type='mmseg.Resize', scale=2)
    apply_options(config, {'+data.0.pipeline.Resize.ratio': 3})
    assert config.data[0].pipeline[1].ratio == 3
    for key in (
        'data.0.pipeline.Load.prob',  # two of them
        '+data.0.pipeline.Flip.prob',
        'names.a',
    ):
        with pytest.raises(UserError, match=key.lstrip('+')):
            apply_options(config, {key: 1})


def test_new_keys_are_added_with_a_warning():
    config = make_config()
    with pytest.warns(UserWarning, match="model.*'depth'"):
        apply_options(config, {'model.depth': 18})
    assert config.model.depth == 18


def test_keys_that_the_runner_knows_need_no_warning():
    config = make_config()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        apply_options(config, {'load_from': 'x.pth'})
    assert config.load_from == 'x.pth'


@pytest.mark.parametrize(
    ('option', 'expected'),
    [
        ('model.chanels', "'channels'"),
        ('modell.channels', "'model'"),
        ('steps.7.p', 'steps.* 2'),
        ('model.channels.x', 'channels'),
    ],
)
def test_misspelt_option_is_named(option, expected):
    with pytest.raises(UserError, match=f'{option}.*{expected}'):
        apply_options(make_config(), {option: 8})


def test_plus_adds_a_key():
    config = make_config()
    apply_options(config, {'+model.chanels': 8})
    assert config.model.chanels == 8


def test_an_option_within_a_list_of_lists():
    """MMEngine follows dicts only, and ended with an AttributeError."""
    config = Config(dict(tta_pipeline=[dict(transforms=[[dict(prob=1.0)]])]))
    apply_options(config, {'tta_pipeline.0.transforms.0.0.prob': 0.5})
    assert config.tta_pipeline[0].transforms[0][0].prob == 0.5
    with pytest.raises(UserError, match=r'tta_pipeline\.0\.transforms\.0'):
        apply_options(config, {'tta_pipeline.0.transforms.0': [dict(prob=0.0)]})
