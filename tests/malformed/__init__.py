"""Damaged, mistaken and hostile input, made at random from a seed, and what specnb makes of it.

A *mutant* is good input with one thing wrong: a keyword, a column, a value, a unit, a bit. Every kind of input (`KINDS`: DL3 files, OGIP files,
flux points, models, covariances, lists of datasets, configurations, sweeps, and arguments of calls) makes its mutants from a numpy `Generator`
and carries them along the way of a user: read, reduce, fit, points, `validate`. What comes of it is one of

========================= ====================================================================================================
harmless                  the same numbers as without the mutation
clear                     an error of specnb that names the file (the argument, for a call)
changed with a warning    other numbers, and a `SpecnbWarning` or a status that tells
changed silently          other numbers without a word: allowed where nobody can notice (`allowed.py`), else a fault
raw                       an error of something else, one that names no file, a `validate` that raises, or too much memory
hang                      20 seconds were not enough
silent nan                numbers that are not finite, without a word
========================= ====================================================================================================

A hundred mutants of each kind are part of the tests (`tests/test_malformed.py`). All of them, with a table, from the folder `tests`::

    python -m malformed --n 10000
    python -m malformed --n 1000 --kind dl3 --against ../another/working/tree
    python -m malformed --only dl3:137       # one of them again, with its traceback
"""
