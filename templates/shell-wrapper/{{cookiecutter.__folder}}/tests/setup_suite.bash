# Start an AWS simulator for all tests, and make two homes whose user has a key and a device there; the
# user of one has logged in.

setup_suite() {
    unset "${!AWS_@}" "${!MFAKIT_@}" ZDOTDIR XDG_CONFIG_HOME
    SUITE=$BATS_SUITE_TMPDIR
    mfakit simulate --json --region '{{ cookiecutter.region }}' >"$SUITE/simulator.json" 3>&- &
    SIMULATOR=$!
    local tries=0
    until [ -s "$SUITE/simulator.json" ]; do
        kill -0 "$SIMULATOR" && [ $((tries += 1)) -lt 1200 ] || return 1
        sleep 0.1
    done
    export PYTHON SUITE SIMULATOR AWS_EC2_METADATA_DISABLED=true AWS_ENDPOINT_URL
    PYTHON=$(command -v python3 || command -v python)
    AWS_ENDPOINT_URL=$("$PYTHON" - "$SUITE" "$PYTHON" <<'END'
import json, pathlib, shlex, sys

suite, python = pathlib.Path(sys.argv[1]), sys.argv[2]
said = json.loads((suite / "simulator.json").read_text())
user = said["users"][0]
token = {"X-Mfakit-Token": said["control_token"]}
code = suite / "code.py"
code.write_text(
    "import json, urllib.request as web\n"
    f"url = {said['endpoint_url']!r} + '/_mfakit/code?advance=true&user=' + {user['name']!r}\n"
    f"headers = {token!r}\n"
    "print(json.load(web.urlopen(web.Request(url, method='POST', headers=headers)))['code'])\n"
)
aws = suite / "home" / ".aws"
aws.mkdir(mode=0o700, parents=True)
(aws / "credentials").touch(mode=0o600)
(aws / "credentials").write_text(
    f"[default]\naws_access_key_id = {user['access_key_id']}\n"
    f"aws_secret_access_key = {user['secret_access_key']}\n"
)
command = shlex.join([python, str(code)])
(aws / "config").write_text(f"[default]\nmfakit_token_command = {command}\n")
print(said["endpoint_url"])
END
    )
    cp -Rp "$SUITE/home" "$SUITE/logged-in"
    HOME=$SUITE/logged-in mfakit configure --profile {{ cookiecutter.__profile }} --region {{ cookiecutter.region }} --duration {{ cookiecutter.duration }} </dev/null
    HOME=$SUITE/logged-in mfakit login --profile {{ cookiecutter.__profile }}
}

teardown_suite() {
    kill "$SIMULATOR"
    wait "$SIMULATOR" || true
}
