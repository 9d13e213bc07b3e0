"""Loops of validation and testing."""

from mmdepthseg.engine.loops.teacher_student_loop import (
    TeacherStudentTestLoop,
    TeacherStudentValLoop,
)

__all__ = ['TeacherStudentTestLoop', 'TeacherStudentValLoop']
