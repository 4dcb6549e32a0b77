"""Tests of relatives."""
