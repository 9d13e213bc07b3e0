import pytest

from mmdepthseg.datasets.listing import (
    is_data,
    list_folders,
    list_frames,
    list_names,
    natural_key,
)


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


def test_what_systems_leave_is_not_data(tmp_path):
    for folder in ('clip', '__MACOSX', '.ipynb_checkpoints'):
        (tmp_path / folder).mkdir()
    for name in ('1.jpg', '._1.jpg', '2.JPG', '.DS_Store'):
        (tmp_path / 'clip' / name).touch()
    assert list_folders(str(tmp_path)) == ['clip']
    assert list_names(str(tmp_path / 'clip'), '.jpg') == ['1.jpg']
    assert list_frames(str(tmp_path / 'clip'), ('.jpg',)) == ['1.jpg', '2.JPG']
    assert is_data('frame.jpg') and not is_data('.hidden')
