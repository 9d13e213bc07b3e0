"""Numbers in the names of frames: their order, gaps, other sequences."""

import pytest

from mmdepthseg.frame_numbers import natural_key, number_gaps, sequence_changes


@pytest.mark.parametrize(
    'names',
    [
        ['0.2.jpg', '0.25.jpg', '0.3.jpg', '0.5.jpg'],
        ['2.png', '10.png'],
        ['1403636579.763555527.png', '1403636579.763555528.png'],
        ['a1.png', 'a01.png', 'a2.png'],
    ],
)
def test_frames_are_in_the_order_of_their_numbers(names):
    expected = sorted(names, key=lambda name: names.index(name))
    if names[0] == 'a1.png':  # equal numbers: by name
        expected = ['a01.png', 'a1.png', 'a2.png']
    assert sorted(reversed(names), key=natural_key) == expected


@pytest.mark.parametrize(
    'names, gaps',
    [
        (['0', '1', '2', '20', '21', '42', '43'], [('2', '20'), ('21', '42')]),
        (['0', '1', '2', '20', '21', '42'], []),
        ([f'{i:06d}' for i in range(0, 60, 5)], []),
        (['a_1.25', 'a_1.35', 'a_1.44', 'a_2.7'], [('a_1.44', 'a_2.7')]),
        (['a1_8', 'a1_9', 'b2_1', 'b2_2'], []),
        (['1_left', '5_left', '6_left', 'x', '', '7', '7'], []),
    ],
)
def test_gaps_in_numbers(names, gaps):
    """Of those that end in numbers, behind the same text."""
    assert number_gaps(names) == gaps


@pytest.mark.parametrize(
    'names, changes',
    [
        ([f'{i:06d}_{side}' for i in range(2) for side in ('left', 'right')],
         [('000000_left', '000000_right'), ('000000_right', '000001_left'),
          ('000001_left', '000001_right')]),
        ([f'{side}{i:06d}' for side in ('left', 'right') for i in range(3)],
         [('left000002', 'right000000')]),
        (['x_0_19_left8bit', 'x_1_19_left8bit', 'y_0_19_left8bit'],
         [('x_1_19_left8bit', 'y_0_19_left8bit')]),
        ([f'x_{i // 30:06d}_{i % 30:06d}_left8bit' for i in range(40)],
         [('x_000000_000029_left8bit', 'x_000001_000000_left8bit')]),
        (['0_10', '0_11', '1_10', '1_11'], [('0_11', '1_10')]),
        ([f'cam{i // 46}_{i % 46}' for i in range(50)], [('cam0_45', 'cam1_0')]),
        (
            [f'{i // 5}_{i % 5:06d}' for i in range(11)],
            [('0_000004', '1_000000'), ('1_000004', '2_000000')],
        ),
        (['1TP_5', '1TP_6', '16E5_1', '16E5_2'], [('1TP_6', '16E5_1')]),
    ],
)  # fmt: skip
def test_changes_of_camera_or_sequence(names, changes):
    assert sequence_changes(names) == changes


STAMPS = [1403636579763555584 + 66 * 10**6 * i for i in range(40)]


@pytest.mark.parametrize(
    'names',
    [
        [],
        ['a', 'b', 'c'],
        ['frame', 'frame1', 'frame2'],
        ['1', '2', '03', '004'],
        [f'frame_{i}_1920x1080' for i in range(8, 12)],
        [f'{i:06d}_{stamp / 1e9:.6f}' for i, stamp in enumerate(STAMPS)],
        [f'{stamp // 10**9}_{stamp % 10**9}' for stamp in STAMPS],
        [f'12-{i // 60:02d}-{i % 60:02d}' for i in range(0, 200, 5)],
        [f'5-1_12-{i // 60:02d}-{i % 60:02d}-{i % 10}00' for i in range(200)],
        [f'{12 + i // 20}-{(59 + i // 20) % 60}-{i * 3 % 60:02d}' for i in range(40)],
        [f'12-30-{i // 24:02d}-{i % 24:02d}' for i in range(60)],
        [f'12-30-{i // 5:02d}_{i % 5:02d}' for i in range(60)],
        [f'{i // 30:04d}_{i % 30:03d}' for i in range(130)],
        ['20210907_235957', '20210907_235958', '20210907_235959', '20210908_000000'],
        [f'{i:06d}_speed{i * 7 % 5}' for i in range(20)],
        [f'{i:06d}_{name}' for i, name in enumerate(('3fa9', 'b7c1', 'ab', '07e2'))],
    ],
)
def test_numbers_and_times_of_one_sequence(names):
    assert sequence_changes(names) == []
