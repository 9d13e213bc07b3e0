from functools import partial

import pytest

from mmdepthseg.name_lists import check_names, match_list, read_names, write_names
from mmdepthseg.names import (
    OutputNames,
    is_data,
    list_files,
    list_folders,
    list_frames,
    list_tree,
    output_name,
    sample_name,
)
from mmdepthseg.selection.files import read_names as read_row_names
from mmdepthseg.utils.errors import UserError


def test_name_of_a_sample_in_messages():
    sample = dict(img_id='clip/1', img_path='a/clip/1.png')
    assert sample_name(sample) == 'clip/1'
    assert sample_name(dict(sample, img_id=None)) == 'a/clip/1.png'
    assert sample_name({}, 'no. 3') == 'no. 3'


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


@pytest.mark.parametrize('suffix', ['.bmp', '.webp', '.TIF', '.HEIC', '.jfif'])
@pytest.mark.parametrize(
    ('list_', 'ends', 'there', 'stray'),
    [
        (list_frames, ('.jpg', '.png'), ('1.jpg', '3.png'), '2'),
        (list_files, '_x.png', ('1_x.png', '2_y.bmp', '2_y.webp'), '2_x'),
        (list_files, '.png', ('1.png', '1.txt'), '1'),
    ],
)
def test_other_images_are_named(
    list_, ends, there, stray, suffix, tmp_path, user_warnings
):
    folder = write(tmp_path / 'clip', *there)
    list_ = partial(list_, cure='give --ends')
    expected = list_(folder, ends)
    assert not user_warnings()
    (tmp_path / f'clip/{stray}{suffix}').touch()
    assert list_(folder, ends) == expected
    (message,) = user_warnings()
    assert folder in message and stray + suffix in message
    assert message.endswith('or give --ends')


def test_only_images_are_looked_for_among_images(tmp_path, user_warnings):
    folder = write(tmp_path / 'x', 'a_camera.json', 'a_camera.png', 'b.txt', '.1.bmp')
    (tmp_path / 'x/folder.png').mkdir()
    assert [*list_files(folder, '_camera.json')] == ['a']
    assert [*list_frames(f'{folder}')] == ['a_camera']
    assert not user_warnings()


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
def test_counts_after_a_point_are_doubted(names, doubted, tmp_path, user_warnings):
    folder = write(tmp_path / 'clip', *names)
    assert len(list_frames(folder)) == len(names)
    assert [folder in text for text in user_warnings()] == [True] * doubted


def test_outputs_have_the_names_of_clip_and_frame():
    assert output_name(dict(img_id='a/007', img_path='/x/007.jpg')) == 'a/007'
    assert output_name(dict(img_path='/x/007.5.jpg')) == '007.5'
    sample = dict(img_id='a/007', network='teacher')
    assert output_name(sample) == 'teacher/a/007'


def test_two_images_cannot_have_one_output():
    names = OutputNames()
    for path in ('/a/1.jpg', '/a/1.jpg', '/a/2.jpg'):
        names.claim(path[-5:-4], dict(img_path=path))
    with pytest.raises(UserError, match='/a/1.jpg and /b/1.jpg'):
        names.claim('1', dict(img_path='/b/1.jpg'))


#: Names as people have them.
ODD_NAMES = [
    '7', '13', '7 ride/1', 'ride/1', '2024 01 01/000', 'a, b/"c"', "it's/1", '#1/a',
    '# b/1', ' outer/1', 'Stra\u00dfe/\u00e9', '\u6771\u4eac/1', 'tab\there/1',
    'nel\x85/1', '\u2028sep/2', '-5/x', '1e3', 'budget_5.txt', 'C:\\x\\1', '{}/%s',
    '[1]/*?', '12 march/001', ' 1', '1', '1 ', '\u3000full/1', 'vt\x0b/1',
    'e\u0301', '\u00e9', 'unit\x1f', 'end/1\u2028',
]  # fmt: skip


def test_lists_that_are_written_are_read(tmp_path):
    write_names(tmp_path / 'list.txt', ODD_NAMES[::-1])
    expected = list(range(len(ODD_NAMES)))[::-1]
    assert list(match_list(tmp_path / 'list.txt', ODD_NAMES)) == expected
    text = (tmp_path / 'list.txt').read_text(encoding='utf-8').replace('\n', '\r\n')
    (tmp_path / 'windows.txt').write_bytes(b'\xef\xbb\xbf' + text.encode())
    assert list(match_list(tmp_path / 'windows.txt', ODD_NAMES)) == expected


@pytest.mark.parametrize(
    'name', ['', '  ', 'a\nb', 'a\rb', 'a\r', 'a\udcff', '\ufeffa']
)
def test_names_that_no_list_can_have(tmp_path, name):
    with pytest.raises(UserError, match='rename'):
        check_names(['a', name])
    with pytest.raises(UserError, match='rename'):
        write_names(tmp_path / 'list.txt', [name])
    assert not (tmp_path / 'list.txt').exists()


@pytest.mark.parametrize(
    ('line', 'position'),
    [
        ('clip/1', 0),
        (' clip/1\t', 0),
        ('5 clip/1 ', 0),
        ('5 clip/1', 0),
        ('other', 2),
        ('9 other', 2),
        ('cafe\u0301', 3),
    ],
)
def test_a_line_is_a_name_or_its_last_part(tmp_path, line, position):
    (tmp_path / 'list.txt').write_text(f'# comment\n\n{line}\n', encoding='utf-8')
    names = ['clip/1', 'b/1', 'b/other', 'b/caf\u00e9']
    assert list(match_list(tmp_path / 'list.txt', names)) == [position]


@pytest.mark.parametrize(
    ('line', 'names', 'words'),
    [
        ('13', ['00', '01', '02'], 'not among'),
        ('1', ['a/1', 'b/1'], 'a/1, b/1'),
        ('#2/x', ['#1/x', 'a/y'], "not among.*mean '#1/x'"),
        ('clip/01', ['clip/1'], "not among.*mean 'clip/1'"),
    ],
)
def test_lines_that_are_no_names(tmp_path, line, names, words):
    (tmp_path / 'list.txt').write_text(f'{names[0]}\n\n{line}\n')
    lines = match_list(tmp_path / 'list.txt', names)
    assert next(lines) == 0
    with pytest.raises(UserError, match=f'list.txt, line 3: {line!r} .*{words}'):
        next(lines)


def test_lists_of_unknown_names(tmp_path):
    path = tmp_path / 'names.txt'
    path.write_text('# chosen\n7 aachen/a\n\nbochum/b  \n7 aachen/a\nmy ride/1\n')
    assert read_names(path) == ['aachen/a', 'bochum/b', 'my ride/1']
    for content in (b'', b'# nothing\n', 'n\u00e4me'.encode('utf-16')):
        path.write_bytes(content)
        with pytest.raises(UserError, match='names.txt'):
            read_names(path)
    with pytest.raises(UserError, match='absent.txt'):
        read_names(tmp_path / 'absent.txt')


def test_names_of_rows_are_read_as_they_were_written(tmp_path):
    write_names(tmp_path / 'names.txt', ODD_NAMES)
    assert read_row_names(tmp_path / 'names.txt', len(ODD_NAMES)) == ODD_NAMES
