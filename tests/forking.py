"""Many processes that run one program at the same moment, forked from one that has loaded modules.

To load them costs each process up to half a second of processor time before it reaches what it is
tested for. Forked processes begin together, so they also meet more often.
"""

from __future__ import annotations

import json
import subprocess
import sys

# The children wait until the other end of the pipe is closed, which is when all of them exist.
FORK = """
import gc, json, os, sys, tempfile, traceback
count, preparation, program = json.load(sys.stdin)
exec(preparation)
gc.freeze()  # else each child would copy all memory when it first looks for garbage
begin, held = os.pipe()
children = []
for number in range(count):
    files = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    pid = os.fork()
    if pid == 0:
        os.close(held)
        os.read(begin, 1)
        os.dup2(files[0].fileno(), 1)
        os.dup2(files[1].fileno(), 2)
        code = 1
        try:
            exec(program, {"__name__": "__main__", "number": number})
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    children.append((pid, files))
os.close(held)
said = []
for pid, files in children:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for file in files:
        file.seek(0)
    said.append([code, *(file.read().decode() for file in files)])
json.dump(said, sys.stdout)
"""


def run_forked(
    count: int, environ: dict[str, str], preparation: str, program: str
) -> list[subprocess.CompletedProcess[str]]:
    """Run a program in many processes at once.

    Args:
        count: how many processes.
        environ: their environment.
        preparation: what the process does that they are forked from, such as to import modules.
        program: what each of them does; it has no input but its `number`, counted from 0.

    Returns:
        The exit code and the output of each.
    """
    done = subprocess.run(
        [sys.executable, "-c", FORK],
        env=environ,
        input=json.dumps([count, preparation, program]),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [subprocess.CompletedProcess(program, *one) for one in json.loads(done.stdout)]


def as_program(*arguments: str) -> str:
    """Return the program that is `mfakit` with these arguments."""
    return f"import sys; sys.argv = ['mfakit', *{arguments!r}]; from mfakit.cli import run; run()"
