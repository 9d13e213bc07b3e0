import numpy as np
import pytest
from helpers.golden import FOLDER

from mmdepthseg.selection import ERRORS, depth_error, depth_error_mask
from mmdepthseg.selection.criteria import dilate
from mmdepthseg.utils.errors import UserError


@pytest.fixture(scope='module')
def golden() -> dict[str, np.ndarray]:
    with np.load(FOLDER / 'd2_depth_error.npz') as arrays:
        return dict(arrays)


@pytest.mark.parametrize('error', ERRORS)
def test_golden_errors(golden, error):
    score = depth_error(golden['disp_student'], golden['disp_teacher'], error)
    np.testing.assert_allclose(score, golden[f'err_{error}'], rtol=1e-6)


def test_golden_has_all_errors(golden):
    assert {f'err_{error}' for error in ERRORS} == {
        key for key in golden if key.startswith('err_')
    }


def test_golden_mask_and_ranking(golden):
    teacher = golden['disp_teacher'][:, 0].astype(np.float64)
    mask = depth_error_mask(teacher)
    rows = int(0.87 * teacher.shape[1])
    expected = golden['far_mask_dilated'] == 0
    assert (mask[:, :rows] == expected[:, :rows]).all()
    assert not mask[:, rows:].any()
    assert (~mask[:, :rows]).any()
    with np.load(FOLDER / 'd1_farthest_point.npz') as arrays:
        index, score = arrays['image_index'], arrays['student_error']
        unlabeled = ~np.isin(index, arrays['start_image_index'])
    ranking = index[unlabeled][np.argsort(-score[unlabeled], kind='stable')]
    assert ranking[:10].tolist() == golden['rank_by_error'].tolist()


def test_dilation_is_a_square_that_ends_at_the_border():
    teacher = np.ones((1, 12, 14))
    teacher[0, 5, 1] = 0.01
    mask = depth_error_mask(teacher, far_dilation=3, valid_height=1.0)
    assert (~mask).sum() == 9
    assert not mask[0, 4:7, 0:3].any()


@pytest.mark.parametrize('size', [1, 3, 7, 99])
def test_dilation_of_any_mask(size):
    mask = np.random.default_rng(size).random((3, 19, 31)) < 0.03
    radius = size // 2
    padded = np.pad(mask, ((0, 0), (radius, radius), (radius, radius)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (1, 2))
    np.testing.assert_array_equal(dilate(mask, size), windows.any((-2, -1)))


def test_mean_over_valid_pixels():
    teacher = np.full((2, 10, 10), 0.5)
    teacher[0, :5] = 0.01
    teacher[1] = 0.01
    student = teacher + 0.2
    options = dict(error='abs', far_dilation=1, valid_height=1.0)
    everything = depth_error(student, teacher, **options)
    valid = depth_error(student, teacher, mean_over='valid', **options)
    np.testing.assert_allclose(everything, [0.1, 0], atol=1e-12)
    np.testing.assert_allclose(valid, [0.2, 0], atol=1e-12)
    no_mask = depth_error(student, teacher, far_threshold=None, **options)
    np.testing.assert_allclose(no_mask, 0.2)


@pytest.mark.parametrize('mean_over', ['all', 'valid'])
@pytest.mark.parametrize('far', [0.07, None])
def test_what_was_not_measured_counts_nowhere(mean_over, far):
    """Not as far, which would take its surroundings along."""
    random = np.random.default_rng(0)
    teacher, student = random.uniform(0.2, 0.9, (2, 3, 40, 60))
    options = dict(mean_over=mean_over, far_threshold=far, valid_height=1.0)
    holes = random.random(teacher.shape) < 0.3
    found = depth_error(student, np.where(holes, np.nan, teacher), **options)
    each = np.abs(np.log1p(student) - np.log1p(teacher))
    expected = [e[~hole].mean() for e, hole in zip(each, holes, strict=True)]
    np.testing.assert_allclose(found, expected)


def test_a_frame_without_any_measured_pixel():
    teacher = np.full((2, 4, 4), 0.5)
    teacher[1] = np.nan
    first, second = depth_error(np.full((2, 4, 4), 0.6), teacher)
    assert first > 0 and second == 0
    teacher[1, 0] = np.inf
    with pytest.raises(UserError, match='teacher: frame 1.*infinite'):
        depth_error(np.full((2, 4, 4), 0.5), teacher)


@pytest.mark.parametrize(
    ('student', 'options', 'message'),
    [
        (np.full((2, 8, 9), 0.5), {}, 'shape'),
        (np.full((8, 8), 0.5), {}, r'student.*\(N, H, W\)'),
        (np.full((2, 8, 8), np.nan), {}, 'student: frame 0'),
        (np.full((2, 8, 8), 0.5), dict(error='l3'), "error='l3'"),
        (np.full((2, 8, 8), 0.5), dict(mean_over='some'), "mean_over='some'"),
        (np.full((2, 8, 8), 0.5), dict(valid_height=2), 'valid_height=2 '),
        (np.full((2, 8, 8), 0.5), dict(far_dilation=4), 'dilation.* 4'),
    ],
)
def test_errors(student, options, message):
    with pytest.raises(ValueError, match=message):
        depth_error(student, np.full((2, 8, 8), 0.5), **options)
