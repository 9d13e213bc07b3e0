import pytest

from mmdepthseg.names import (
    OutputNames,
    is_data,
    list_files,
    list_folders,
    list_frames,
    list_tree,
    natural_key,
    output_name,
)
from mmdepthseg.utils.errors import UserError


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
    assert [*list_files(str(tmp_path / 'clip'), '.jpg')] == ['1', '2']
    assert [*list_frames(str(tmp_path / 'clip'))] == ['1', '2']
    assert is_data('frame.jpg') and not is_data('.hidden')


def write(folder, *names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return str(folder)


def test_suffixes_are_found_in_any_case(tmp_path):
    folder = write(tmp_path / 'aachen', 'a_x.png', 'b_X.PNG', 'c.png', 'd_x.Png')
    (tmp_path / 'aachen/folder_x.png').mkdir()
    found = list_files(folder, '_x.png')
    assert found == {
        'a': f'{folder}/a_x.png',
        'b': f'{folder}/b_X.PNG',
        'd': f'{folder}/d_x.Png',
    }
    tree = list_tree(str(tmp_path), '_x.png')
    assert tree == {f'aachen/{stem}': path for stem, path in found.items()}
    assert list_files(f'{folder}/nowhere', '.png') == list_tree(None, '.png') == {}


@pytest.mark.parametrize(
    'names', [('7.png', '7.PNG'), ('7.jpg', '7.png'), ('7.jpeg', '7.JPG')]
)
def test_two_files_of_one_name_are_refused(names, tmp_path):
    folder = write(tmp_path / 'clip', *names, '8.png')
    for list_ in (list_frames, list_files):
        with pytest.raises(UserError) as info:
            list_(folder, ('.jpg', '.jpeg', '.png'))
        assert all(name in str(info.value) for name in (folder, *names))


def test_frames_keep_what_stands_before_the_extension(tmp_path):
    folder = write(tmp_path / 'clip', '1.5_left.jpg', '1.25_left.JPG', '2_right.jpg')
    assert [*list_frames(folder, ('_left.jpg',))] == ['1.25_left', '1.5_left']


@pytest.mark.parametrize(
    'names, doubted',
    [
        (('1.9.jpg', '1.10.jpg', '2.1.jpg'), True),
        (('1.10.jpg', '1.25.jpg', '2.00.jpg'), False),
        (('70.0.jpg', '70.05.jpg', '70.1.jpg'), False),
        (('1.jpg', '10.jpg'), False),
    ],
)
def test_counts_after_a_point_are_doubted(names, doubted, tmp_path, recwarn):
    folder = write(tmp_path / 'clip', *names)
    assert len(list_frames(folder)) == len(names)
    assert [folder in str(w.message) for w in recwarn] == [True] * doubted


def test_outputs_have_the_names_of_clip_and_frame():
    assert output_name(dict(img_id='a/007', img_path='/x/007.jpg')) == 'a/007'
    assert output_name(dict(img_path='/x/007.5.jpg')) == '007.5'
    sample = dict(img_id='a/007', network='teacher')
    assert output_name(sample) == 'teacher/a/007'


def test_two_images_cannot_have_one_output():
    names = OutputNames()
    for path in ('/a/1.jpg', '/a/1.jpg', '/a/2.jpg'):
        names.claim(dict(img_path=path))
    with pytest.raises(UserError, match='/a/1.jpg and /b/1.jpg'):
        names.claim(dict(img_path='/b/1.jpg'))
