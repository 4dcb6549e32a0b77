"""Relatives: invited with the resident's consent, told of what was agreed and nothing else."""
