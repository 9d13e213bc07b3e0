"""Loops."""

from .teacher_student_loop import TeacherStudentTestLoop, TeacherStudentValLoop

__all__ = ['TeacherStudentTestLoop', 'TeacherStudentValLoop']
