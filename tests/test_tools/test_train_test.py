"""tools/train.py and tools/test.py: train, resume, evaluate, and say what is wrong."""

import os
import shutil
import socket
import stat
import sys
from pathlib import Path

import pytest
import torch

REPO = Path(__file__).resolve().parents[2]

RESUMABLE = """
train_dataloader['sampler'] = dict(type='ResumableInfiniteSampler', shuffle=True)
train_dataloader['dataset']['pipeline'] = [dict(type='SeedBySample'), *train_pipeline]
"""


def load(path):
    return torch.load(path, map_location="cpu", weights_only=False)


def assert_same_states(first: dict, second: dict) -> None:
    """Everything that a run goes on from is equal, bit by bit."""

    def compare(a, b, where):
        if isinstance(a, dict):
            assert a.keys() == b.keys(), where
            for key in a:
                compare(a[key], b[key], f"{where}.{key}")
        elif isinstance(a, list | tuple):
            assert len(a) == len(b), where
            for index, pair in enumerate(zip(a, b, strict=True)):
                compare(*pair, f"{where}.{index}")
        elif isinstance(a, torch.Tensor):
            assert torch.equal(a, b), where
        else:
            assert a == b, where

    for part in ("state_dict", "optimizer", "param_schedulers", "random_states"):
        compare(first[part], second[part], part)


def error_of(capsys, run_tool, *arguments) -> str:
    """Message of a tool that has to end with exit code 2 and without a traceback."""
    with pytest.raises(SystemExit) as stop:
        run_tool(*arguments)
    assert stop.value.code == 2
    output = capsys.readouterr().err
    assert "Traceback" not in output
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    return line


# -- working runs ----------------------------------------------------------------


def test_train_and_test_from_another_folder(tiny_config, run_process, tmp_path):
    config, work_dir = tiny_config(), tmp_path / "run"
    tool = REPO / "tools/train.py"
    options = ("--cfg-options", "train_cfg.max_iters=2")
    options += ("optim_wrapper.optimizer.lr=.1",)
    done = run_process(sys.executable, tool, config, "--work-dir", work_dir, *options)
    assert done.returncode == 0, done.stderr
    assert "Could not import OneDL" not in done.stdout
    assert "Fail to import" not in done.stderr
    assert "MultiScaleDeformable" not in done.stderr
    assert load(work_dir / "iter_2.pth")["optimizer"]["param_groups"]
    assert "lr=0.1" in (work_dir / "tiny.py").read_text()

    out, painted = tmp_path / "labels", tmp_path / "painted"
    done = run_process(
        sys.executable,
        REPO / "tools/test.py",
        config,
        work_dir / "iter_2.pth",
        *("--work-dir", work_dir / "test", "--out", out, "--show-dir", painted),
    )
    assert done.returncode == 0, done.stderr
    assert "mIoU" in done.stdout
    assert "weights_only" not in done.stdout + done.stderr
    assert sorted(path.name for path in out.iterdir()) == [f"{i}.png" for i in range(4)]
    assert len(list(painted.rglob("*.png"))) == 4
    assert list((work_dir / "test").glob("*/*.json"))


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_run_equals_uninterrupted_run(tiny_config, run_tool, tmp_path, workers):
    config = tiny_config(workers, RESUMABLE if workers else "")
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    run_tool("train", config, "--work-dir", whole)
    torch.rand(3)  # the process's own random state must not matter
    arguments = ("--resume", whole / "iter_2.pth")
    run_tool("train", config, "--work-dir", resumed, *arguments)
    first, second = load(whole / "iter_4.pth"), load(resumed / "iter_4.pth")
    assert_same_states(first, second)
    start = load(whole / "iter_2.pth")["state_dict"]
    weight = "decode_head.conv_seg.weight"
    assert not torch.equal(start[weight], second["state_dict"][weight])


def test_resume_auto_takes_newest_checkpoint_or_starts(tiny_config, run_tool, tmp_path):
    config, work_dir = tiny_config(), tmp_path / "run"
    short = ("--cfg-options", "train_cfg.max_iters=2")
    run_tool("train", config, "--work-dir", work_dir, "--resume", *short)
    assert not (work_dir / "iter_4.pth").exists()
    run_tool("train", config, "--work-dir", work_dir, "--resume")
    logs = "".join(path.read_text() for path in work_dir.glob("*/*.log"))
    assert "resumed epoch: 0, iter: 2" in logs
    assert (work_dir / "iter_4.pth").exists()


def test_amp_on_cpu_runs_in_bfloat16(tiny_config, run_tool, tmp_path, monkeypatch):
    if torch.cuda.is_available():
        pytest.skip("bfloat16 is chosen on CPU only")
    seen = set()
    forward = torch.nn.Conv2d.forward

    def spy(module, inputs):
        output = forward(module, inputs)
        seen.add(output.dtype)
        return output

    monkeypatch.setattr(torch.nn.Conv2d, "forward", spy)
    arguments = ("--amp", "--cfg-options", "train_cfg.max_iters=1", "val_cfg=None")
    arguments += ("val_dataloader=None", "val_evaluator=None")
    arguments += ("default_hooks.checkpoint.interval=1",)
    run_tool("train", tiny_config(), "--work-dir", tmp_path / "run", *arguments)
    assert seen == {torch.bfloat16}
    state = load(tmp_path / "run/iter_1.pth")["state_dict"]
    assert state["decode_head.conv_seg.weight"].dtype == torch.float32


def test_tta_uses_the_configs_pipeline(tiny_config, run_tool, tmp_path):
    extra = """
tta_model = dict(type='SegTTAModel')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='mmseg.RandomFlip', prob=p) for p in (0., 1.)],
        [dict(type='LoadAnnotations')], [dict(type='mmseg.PackSegInputs')]])]
"""
    config, work_dir = tiny_config(extra=extra), tmp_path / "run"
    run_tool("train", config, "--work-dir", work_dir)
    run_tool("test", config, work_dir / "iter_4.pth", "--tta", "--work-dir", work_dir)
    logs = "".join(path.read_text() for path in work_dir.glob("*/*.log"))
    assert "SegTTAModel" in logs


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_two_processes_on_cpu(tiny_config, run_process, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("would need two GPUs")
    config = tiny_config()
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    train = ("bash", REPO / "tools/dist_train.sh", config, 2)
    done = run_process(*train, "--work-dir", whole, PORT=free_port())
    assert done.returncode == 0, done.stderr[-3000:]
    checkpoint = load(whole / "iter_4.pth")
    states = [state["torch"] for state in checkpoint["random_states"]]
    assert len(states) == 2

    arguments = ("--work-dir", resumed, "--resume", whole / "iter_2.pth")
    done = run_process(*train, *arguments, PORT=free_port())
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same_states(checkpoint, load(resumed / "iter_4.pth"))

    test = ("bash", REPO / "tools/dist_test.sh", config, whole / "iter_4.pth", 2)
    done = run_process(*test, "--work-dir", tmp_path / "test", PORT=free_port())
    assert done.returncode == 0, done.stderr[-3000:]
    assert "mIoU" in done.stdout


@pytest.mark.parametrize(
    ("script", "arguments", "expected"),
    [
        ("slurm_train.sh", ["part", "job", "c.py", "--amp"], "train.py c.py"),
        ("slurm_test.sh", ["part", "job", "c.py", "x.pt", "--tta"], "test.py c.py x.pt"),
    ],
)
def test_slurm_scripts_pass_everything_on(
    run_process, tmp_path, script, arguments, expected
):
    srun = tmp_path / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text('#!/bin/sh\necho "$@"\n')
    srun.chmod(srun.stat().st_mode | stat.S_IXUSR)
    path = f"{srun.parent}{os.pathsep}{os.environ['PATH']}"
    done = run_process("bash", REPO / "tools" / script, *arguments, PATH=path, GPUS="2")
    assert done.returncode == 0, done.stderr
    assert f"{expected} --launcher slurm {arguments[-1]}" in done.stdout
    assert "-p part --job-name=job --gres=gpu:4 --ntasks=2" in done.stdout


@pytest.mark.parametrize(
    "script", ["dist_train", "dist_test", "slurm_train", "slurm_test"]
)
def test_scripts_explain_their_use(run_process, script):
    done = run_process("bash", REPO / f"tools/{script}.sh", "config.py")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")


# -- bad input -------------------------------------------------------------------


def test_exit_code_and_message_as_a_process(run_process):
    done = run_process(sys.executable, REPO / "tools/train.py", "no/such/config.py")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: config not found: no/such")
    assert "Traceback" not in done.stderr


def test_near_config_name_is_suggested(tiny_config, run_tool, capsys):
    path = tiny_config().with_name("tinny.py")
    assert "did you mean 'tiny.py'?" in error_of(capsys, run_tool, "train", path)


def test_broken_config_file(tmp_path, run_tool, capsys):
    config = tmp_path / "broken.py"
    config.write_text("model = dict(\n")
    message = error_of(capsys, run_tool, "train", config)
    assert "broken.py cannot be read: SyntaxError" in message


def test_config_without_a_needed_part(tmp_path, run_tool, capsys):
    config = tmp_path / "empty.py"
    config.write_text("model = dict(type='EncoderDecoder')\n")
    work_dir = ("--work-dir", tmp_path / "run")
    message = error_of(capsys, run_tool, "train", config, *work_dir)
    assert "lacks train_dataloader, train_cfg, optim_wrapper" in message


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("optim_wrapper.optimizer.lrr=1", "did you mean 'lr'?"),
        ("train_dataloder.batch_size=1", "did you mean 'train_dataloader'"),
        ("custom_hooks.7.type=X", "custom_hooks is a list of 3"),
        ("train_cfg.max_iters.x=1", "max_iters"),
    ],
)
def test_misspelt_option(tiny_config, run_tool, tmp_path, capsys, option, expected):
    arguments = ("--work-dir", tmp_path / "run", "--cfg-options", option)
    message = error_of(capsys, run_tool, "train", tiny_config(), *arguments)
    assert option.split("=")[0] in message
    assert expected in message


def test_misspelt_top_level_key(tiny_config, run_tool, capsys):
    config = tiny_config(extra="default_hoks = dict()\n")
    message = error_of(capsys, run_tool, "train", config)
    assert "unknown key 'default_hoks'; did you mean 'default_hooks'?" in message


def test_misspelt_argument_names_type_and_key(tiny_config, run_tool, tmp_path, capsys):
    config = tiny_config(extra="model['decode_head']['dropout_ration'] = 0.1\n")
    work_dir = ("--work-dir", tmp_path / "run")
    message = error_of(capsys, run_tool, "train", config, *work_dir)
    assert "type='FCNHead' has no argument 'dropout_ration'" in message
    assert "did you mean 'dropout_ratio'" in message


def test_unknown_type_is_named(tiny_config, run_tool, tmp_path, capsys):
    config = tiny_config(extra="model['backbone']['type'] = 'ResNetV1d2'\n")
    work_dir = ("--work-dir", tmp_path / "run")
    message = error_of(capsys, run_tool, "train", config, *work_dir)
    assert "no model of type='ResNetV1d2'" in message
    assert "'ResNetV1d'" in message


def test_work_dir_that_cannot_be_written(tiny_config, run_tool, tmp_path, capsys):
    blocker = tmp_path / "file"
    blocker.write_text("")
    arguments = ("--work-dir", blocker / "run")
    message = error_of(capsys, run_tool, "train", tiny_config(), *arguments)
    assert f"cannot write to {blocker}/run" in message
    assert "--work-dir" in message


def test_missing_and_damaged_checkpoints(tiny_config, run_tool, tmp_path, capsys):
    config, folder = tiny_config(), tmp_path / "weights"
    folder.mkdir()
    torch.save({"state_dict": {}}, folder / "iter_2.pth")
    content = (folder / "iter_2.pth").read_bytes()
    (folder / "iter_4.pth").write_bytes(content[: len(content) // 2])
    work_dir = ("--work-dir", tmp_path / "run")

    resume = ("--resume", folder / "iter_3.pth")
    message = error_of(capsys, run_tool, "train", config, *work_dir, *resume)
    assert "checkpoint not found" in message and "'iter_2.pth'" in message

    arguments = (config, folder / "iter_4.pth", *work_dir)
    message = error_of(capsys, run_tool, "test", *arguments)
    assert "iter_4.pth is damaged" in message and "iter_2.pth" in message

    option = ("--cfg-options", "load_from=nowhere.pth")
    message = error_of(capsys, run_tool, "train", config, *work_dir, *option)
    assert "load_from not found: nowhere.pth" in message


def test_checkpoint_of_another_model(tiny_config, run_tool, tmp_path, capsys):
    weights = tmp_path / "other.pth"
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 3))
    torch.save({"meta": {}, "state_dict": model.state_dict()}, weights)
    arguments = (tiny_config(), weights, "--work-dir", tmp_path / "run")
    message = error_of(capsys, run_tool, "test", *arguments)
    assert "other.pth does not belong to this model (EncoderDecoder)" in message
    assert "fills 0% of the model's entries" in message
    assert "backbone.stem.0.weight" in message


@pytest.mark.parametrize("option", ["--tta", "--show-dir=x", "--out=x"])
def test_options_of_test_that_the_config_cannot_serve(
    tiny_config, run_tool, tmp_path, capsys, option, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config = tiny_config(
        extra="default_hooks.pop('visualization')\ntest_evaluator = []\n"
    )
    weights = tmp_path / "weights.pth"
    torch.save({"state_dict": {}}, weights)
    work_dir = ("--work-dir", tmp_path / "run")
    message = error_of(capsys, run_tool, "test", config, weights, option, *work_dir)
    assert option.split("=")[0] in message


def test_missing_image_in_a_worker(tiny_config, run_tool, tmp_path, capsys):
    config = tiny_config(workers=2)
    shutil.rmtree(tmp_path / "tiny/labels")
    work_dir = ("--work-dir", tmp_path / "run")
    message = error_of(capsys, run_tool, "train", config, *work_dir)
    assert "labels/" in message


def test_debug_keeps_the_traceback(tiny_config, run_tool, tmp_path):
    from mmdepthseg.utils import UserError

    with pytest.raises(UserError):
        run_tool("train", tmp_path / "none.py", "--debug")
