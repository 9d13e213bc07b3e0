"""Hook that stores random states in checkpoints, so that resuming is exact."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import CheckpointHook, Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner, set_random_seed
from torch.optim import Optimizer

from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.engine.optim.state_layout import lay_out_state
from mmdepthseg.engine.random_state import State, get_random_state, set_random_state
from mmdepthseg.engine.runs import built_loop
from mmdepthseg.registry import HOOKS


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Make resuming exact with respect to the random generators of the processes.

    MMEngine's checkpoints contain the weights, the optimiser, the schedulers and the
    position of the sampler, but no random state. This hook

    - stores the state of each rank in `checkpoint['random_states']` and restores it
      when training is *resumed* (not when only weights are loaded), and so the seed of
      the sampler, which is drawn anew in each process if the config has no seed;
    - does the same with the buffers (statistics of batch norm) of the other ranks than
      the first: they differ between two validations, which average them;
    - seeds each rank differently before the first iteration: MMEngine gives all the
      same seed, so that images of one place in the ranks' batches would have the same
      colour jitter, boxes, pasted classes and dropout;
    - gives each data loader its own generator. Otherwise `iter(loader)` draws its seed
      from the global generator, and a resumed run draws one seed more;
    - gives the optimiser's averages the memory format of the weights, see
      `lay_out_state`;
    - restores the generators after validation, because a run that resumes from a
      checkpoint written just before a validation does not repeat that validation.

    A hook cannot control what the *workers* of a loader draw: see the resumable sampler
    and the per-sample seeding of `mmdepthseg.datasets`.
    """

    # Run after hooks that may draw numbers and before CheckpointHook (VERY_LOW).
    priority = 'LOW'

    def __init__(self) -> None:
        self._to_restore: list[State] | None = None
        self._sampler_seed: int | None = None
        self._before_val: State | None = None
        self._gathered: list[State] | None = None

    def before_train(self, runner: Runner) -> None:
        """Seed the loaders' generators and the rank, or restore a resumed run's."""
        loaders = [runner.train_loop.dataloader]
        if runner.val_loop is not None:
            loaders.append(runner.val_loop.dataloader)
        for offset, loader in enumerate(loaders):
            # Loops with several loaders (for example a list) seed them themselves.
            if isinstance(loader, torch.utils.data.DataLoader):
                generator = torch.Generator()
                seed = (runner.seed or 0) + offset
                loader.generator = generator.manual_seed(seed)
        self._restore_order(runner.train_loop)
        for optimizer in _optimizers(runner):
            lay_out_state(optimizer)
        states, self._to_restore = self._to_restore, None
        rank = get_rank()
        if states is not None and len(states) != get_world_size():
            runner.logger.warning(
                f'The checkpoint contains the random states of {len(states)} '
                f'process(es), but this run has {get_world_size()}: resuming is '
                'not exact.'
            )
        elif states is not None:
            # for a checkpoint that is written before the first iteration
            self._gathered = states
        if states is not None and rank < len(states):
            _restore(states[rank], runner)
        elif rank:
            # MMEngine's diff_rank_seed would also take the seed from the samplers,
            # which all ranks must share
            set_random_seed((runner.seed or 0) + rank)

    def _restore_order(self, loop: Any) -> None:
        """Give a resumed sampler its seed, which is drawn anew if the config has none.

        A loop that has begun to load by now begins again.
        """
        loader = loop.dataloader
        sampler: Any = getattr(loader, 'sampler', None)
        now = getattr(sampler, 'seed', None)
        if now is None or self._sampler_seed in (None, now):
            return
        sampler.seed = self._sampler_seed
        begun: Any = getattr(loop, 'dataloader_iterator', None)
        if getattr(begun, '_iterator', None) is not None:
            begun._iterator = iter(loader)

    def before_val(self, runner: Runner) -> None:
        """Remember the state before a validation."""
        self._before_val = get_random_state()

    def after_val(self, runner: Runner) -> None:
        """Restore the state from before the validation."""
        if self._before_val is not None:
            set_random_state(self._before_val)
        self._before_val = None

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Gather the states of all ranks if a checkpoint is to be saved next."""
        self._gathered = None
        self._gather_if_saved(runner, by_epoch=False)

    def after_train_epoch(self, runner: Runner) -> None:
        """Gather the states likewise for a checkpoint at the end of an epoch."""
        self._gather_if_saved(runner, by_epoch=True)

    def _gather_if_saved(self, runner: Runner, by_epoch: bool) -> None:
        if any(_saves_now(hook, runner, self, by_epoch) for hook in runner.hooks):
            self.gather(runner)

    def gather(self, runner: Runner) -> None:
        """Gather the states of all ranks for a checkpoint that is saved now."""
        if get_world_size() == 1:
            return
        state = get_random_state()
        if get_rank():  # those of rank 0 are among the weights
            state['buffers'] = {
                name: buffer.detach().cpu().clone()
                for name, buffer in unwrapped(runner.model).named_buffers()
            }
        self._gathered = all_gather_object(state)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store the states in the checkpoint.

        Only rank 0 calls this method, so nothing can be gathered here. A checkpoint
        written at another time (such as the best one, after validation) contains only
        the state of rank 0, unless the states of all ranks have just been gathered.
        """
        now = self._before_val or get_random_state()
        checkpoint['random_states'] = self._gathered or [now]
        loop = built_loop(runner, 'train')
        sampler: Any = getattr(getattr(loop, 'dataloader', None), 'sampler', None)
        if isinstance(getattr(sampler, 'seed', None), int):
            checkpoint['sampler_seed'] = sampler.seed

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the states until training starts if this run is being resumed."""
        if not getattr(runner, '_resume', False):
            return
        self._to_restore = checkpoint.get('random_states')
        self._sampler_seed = checkpoint.get('sampler_seed')
        if self._to_restore is None:
            runner.logger.warning(
                'The checkpoint was written without RandomStateHook: resuming is not '
                'exact.'
            )


def _optimizers(runner: Runner) -> Iterator[Optimizer]:
    wrapper: Any = getattr(runner, 'optim_wrapper', None)
    several = isinstance(wrapper, OptimWrapperDict)
    for one in wrapper.values() if several else [wrapper]:
        if isinstance(one, OptimWrapper):
            yield one.optimizer


def _restore(state: State, runner: Runner) -> None:
    """Restore the generators, and the buffers of another rank than the first."""
    set_random_state(state)
    own = dict(unwrapped(runner.model).named_buffers()) if 'buffers' in state else {}
    for name, buffer in state.get('buffers', {}).items():
        own[name].copy_(buffer)


def _saves_now(hook: Hook, runner: Runner, clock: Hook, by_epoch: bool) -> bool:
    """Return whether a CheckpointHook saves at the end of this iteration or epoch.

    The conditions are those of its `after_train_iter` and `after_train_epoch`.
    """
    if not isinstance(hook, CheckpointHook) or hook.by_epoch != by_epoch:
        return False
    if by_epoch:
        due = hook.every_n_epochs(runner, hook.interval, hook.save_begin)
        last = clock.is_last_train_epoch(runner)
    else:
        due = hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
        last = clock.is_last_train_iter(runner)
    return bool(due or (hook.save_last and last))
