"""`make bench`: ours beside a plain reference, in one run.  Ratios travel between machines, and so
do times in the machine's own unit (`unit`); plain times do not.  Each group is a module with
`measure() -> Iterator[Figure]`; that of `storm` is told how many homes."""
