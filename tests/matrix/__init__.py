"""Different versions at once: programs of an earlier release beside today's, as homes and servers
meet for weeks (docs/compatibility.md).

`releases` fetches an earlier release's code, `scenes` is what a home and a server do together,
`pairs` plays them with each pair of versions.  The libraries are today's in both: what an earlier
release does with the libraries of its own day is not shown.
"""
