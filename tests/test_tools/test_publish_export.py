"""tools/publish.py and tools/export.py."""

import re

import pytest
from helpers.untrained import TEACHER, save_untrained


def test_publish_then_predict(call_tool, tmp_path):
    checkpoint = save_untrained(TEACHER, tmp_path / 'a.pth')
    done = call_tool('publish', checkpoint, '--out', tmp_path / 'b.pth')
    assert done.returncode == 0, done.stderr
    assert re.search(r'b-[0-9a-f]{8}\.pth \(.* MiB -> .* MiB\)', done.stdout)
    [published] = tmp_path.glob('b-*.pth')
    done = call_tool(
        'publish', published, '--out', tmp_path / 'c.pth', '--part', 'teacher'
    )
    assert done.returncode == 2 and published.name in done.stderr


def test_export(call_tool, tmp_path):
    pytest.importorskip('onnxruntime', reason='without the extra onnx')
    checkpoint = save_untrained(TEACHER, tmp_path / 'a.pth')
    arguments = ('--out', tmp_path / 'a.onnx', '--size', 96, 64)
    done = call_tool('export', TEACHER, checkpoint, *arguments)
    assert done.returncode == 0, done.stderr
    assert '96x64' in done.stdout and re.search('logits.*difference', done.stdout)
