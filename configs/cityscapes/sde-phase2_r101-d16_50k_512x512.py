# Phase 2 without feature distance: everything learns, from the weights of phase 1.
_base_ = '../_base_/schedules/sde_phase2_cityscapes.py'
