"""Exercises: stubs to fill in, a check that names the mistake, a grader for a class."""
