"""Add what Python has compiled in an environment to uv's cache, of which uv makes the next ones.

    python3 .ci/keep_compiled.py CACHE ENVIRONMENT

uv links the files of its cache into each environment, so the source of a compiled file is found by
its inode. Else each environment that the tests make would compile moto and botocore again.
"""

import os
import sys
from pathlib import Path

cache, environment = map(Path, sys.argv[1:])
cached = {source.stat().st_ino: source for source in cache.glob("archive-v*/**/*.py")}
for compiled in environment.rglob("__pycache__/*.pyc"):
    source = compiled.parents[1] / f"{compiled.name.partition('.')[0]}.py"
    if source.exists() and (origin := cached.get(source.stat().st_ino)):
        kept = origin.parent / "__pycache__" / compiled.name
        kept.parent.mkdir(exist_ok=True)
        if not kept.exists():
            os.link(compiled, kept)
