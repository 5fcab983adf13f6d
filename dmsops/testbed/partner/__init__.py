"""A partner's archive of our own making: a second site that harvests the feed as CADC's and ESA's do, with nothing shared but HTTP.

It has a folder of its own (a small SQLite database, files, reports) and believes nothing: checksums are computed on what came.
Its words are icewind's and those of CADC's artifact validation (opencadc/caom2).
"""
