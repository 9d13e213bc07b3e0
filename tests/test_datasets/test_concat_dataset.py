from mmdepthseg.datasets import ClipDataset, ConcatDataset
from mmdepthseg.datasets.samplers import StreamIndex


def test_positions_survive(clip_root):
    parts = [dict(type='ClipDataset', data_root=str(clip_root), clips=[clip],
                  pipeline=[]) for clip in 'ab']
    dataset = ConcatDataset(parts)
    assert isinstance(dataset.datasets[0], ClipDataset)
    sample = dataset[StreamIndex(5, pos=77, seed=3)]
    assert sample['img_id'] == 'b/001'
    assert sample['sample_idx'] == 1 and sample['sample_idx'].pos == 77
    assert dataset[0]['img_id'] == 'a/000'
