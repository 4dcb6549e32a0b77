"""`make bench`: ours beside a plain reference, in one run; ratios travel between machines, absolute
times do not.  Each group is a module with `measure() -> Iterator[Figure]`."""
