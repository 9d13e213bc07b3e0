"""Nothing that is read as data runs code, and nothing is written beside the output."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import REPO

from mmdepthseg.datasets import CityscapesSequenceDataset
from mmdepthseg.datasets.depth_labels import DepthLabelStore
from mmdepthseg.evaluation import iou_metric
from mmdepthseg.name_lists import match_list
from mmdepthseg.names import output_name
from mmdepthseg.selection.files import find_images, remove_selection
from mmdepthseg.utils import UserError
from mmdepthseg.utils.files import inside, read_array

SOURCES = [*(REPO / 'mmdepthseg').rglob('*.py'), *(REPO / 'tools').rglob('*.py')]
#: What runs what it reads, or hands it to a shell.
DOORS = r"""eval exec compile os\.system os\.popen pickle\.loads? cloudpickle\.loads?
yaml\.load yaml\.full_load yaml\.unsafe_load torch\.load torch\.jit\.load joblib\.load
runpy\.\w+ marshal\.loads? subprocess\.getoutput mmengine\.load""".split()
#: It reads the array that it wrote.
BENCHMARK = 'tools/analysis_tools/benchmark_selection.py'
#: The one reader, and a forked process that runs our own tools.
ALLOWED = {
    ('checkpoints/safety.py', 'torch.load'),
    ('experiments/forking.py', 'runpy.run_path'),
}


def test_the_doors_are_closed():
    found, loads = set(), set()
    for path in SOURCES:
        if '.mim' in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if not isinstance(node, ast.Call):
                continue
            name, words = ast.unparse(node.func), ast.unparse(node)
            if name == 'np.load':
                loads.add(str(path.relative_to(REPO)))
            if any(re.fullmatch(door, name) for door in DOORS):
                found.add((str(path.relative_to(REPO / 'mmdepthseg')), name))
            assert not re.search(r'allow_pickle=(?!False)|shell=(?!False)', words), path
    # which does not unpickle unless it is told to
    assert loads == {'mmdepthseg/utils/files.py', BENCHMARK}
    assert found == ALLOWED


def test_arrays_are_not_unpickled(tmp_path):
    np.save(tmp_path / 'f.npy', np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match='f.npy'):
        read_array(tmp_path / 'f.npy')


@pytest.fixture
def elsewhere(tmp_path):
    """A folder beside `out`, with a file that must stay as it is."""
    folder = tmp_path / 'elsewhere'
    folder.mkdir()
    (folder / 'a.png').write_bytes(b'mine')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/link').symlink_to(folder)
    yield folder
    assert [path.name for path in folder.iterdir()] == ['a.png']
    assert (folder / 'a.png').read_bytes() == b'mine'


def names_of(folder: Path) -> list[str]:
    """Names that lead to a folder."""
    return [f'../{folder.name}/a', f'x/../../{folder.name}/a', f'{folder}/a', 'link/a']


def test_names_stay_in_their_folder(tmp_path, elsewhere):
    out = tmp_path / 'out'
    for name in (*names_of(elsewhere), '..', 'x/..'):
        with pytest.raises(UserError, match=re.escape(name)):
            inside(out, name)
    for name in ('a', 'x/y/a', 'x/../a', '..a', 'link'):
        assert inside(out, name) == out / name
    (tmp_path / 'disk').symlink_to(out)  # a folder elsewhere, on purpose
    assert inside(tmp_path / 'disk', 'x/a') == tmp_path / 'disk/x/a'


def test_manifest_of_depth_labels(tmp_path, elsewhere):
    store, checkpoint = DepthLabelStore(tmp_path / 'out'), tmp_path / 'w.pth'
    checkpoint.write_bytes(b'')
    store.begin(checkpoint, {})
    disparity = np.full((2, 2), 0.5)
    for name in names_of(elsewhere):
        with pytest.raises(UserError, match=re.escape(name)):
            store.write(name, disparity)
        store.manifest['files'] = {name: 4}
        store.flush()
        store.remove_labels()  # what is not below the folder stays
        store.begin(checkpoint, {})


def test_label_maps(tmp_path, elsewhere, monkeypatch):
    metric = iou_metric.IoUMetric(output_dir=str(tmp_path / 'out'))
    for name in names_of(elsewhere):
        with pytest.raises(UserError, match=re.escape(name)):
            metric._write(dict(img_id=name, img_path='a.png'), str(tmp_path / 'out'))


def test_pictures():
    """They are named by `output_name`, too."""
    for name in ('../a', '/a', 'x/../../a'):
        with pytest.raises(UserError, match=name):
            output_name(dict(img_id=name))


def test_lists_of_names(tmp_path):
    path = tmp_path / 'list.txt'
    for line in ('../a', '/etc/passwd', f'{tmp_path}/list'):
        path.write_text(f'{line}\n')
        with pytest.raises(UserError, match=f'list.txt, line 1: {line!r}'):
            list(match_list(path, ['a', 'x/b']))
        with pytest.raises(UserError, match=line):
            find_images(tmp_path, [line], 1)


def test_record_of_a_selection(tmp_path, elsewhere):
    splits = {str(i): f'{name}.png' for i, name in enumerate(names_of(elsewhere))}
    record = tmp_path / 'out/selection.json'
    record.write_text(f'{{"splits": {splits}}}'.replace("'", '"'))
    remove_selection(tmp_path / 'out')
    assert not record.exists()


def test_data_behind_links_is_read(tmp_path, streets):
    """A data root, or a folder in it, may be on another disk."""
    (tmp_path / 'root').mkdir()
    for folder in streets.iterdir():
        (tmp_path / 'root' / folder.name).symlink_to(folder)
    (tmp_path / 'data').symlink_to(tmp_path / 'root')
    wanted, found = (
        CityscapesSequenceDataset(data_root=str(root), split='train', pipeline=[])
        for root in (streets, tmp_path / 'data')
    )
    assert len(found) == len(wanted) > 0
