#!/usr/bin/env bats
# The functions in each shell that is installed, for a user of a simulated AWS that checks codes.

bats_require_minimum_version 1.5.0

setup() {
    PROJECT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export HOME=$BATS_TEST_TMPDIR/home
    cp -Rp "$SUITE/home" "$HOME"
    SHELLS=()
    for shell in bash zsh fish; do
        if command -v "$shell" >/dev/null; then SHELLS+=("$shell"); fi
    done
}

# Run a script in a shell that has loaded the functions, and print its output without the keys:
# bats shows that if the test fails.
in_shell() {
    echo "in $1: $2"
    case $1 in
    bash) run bash --norc -c ". '$PROJECT/shell/init.bash'; $2" ;;
    zsh) run zsh -f -c ". '$PROJECT/shell/init.zsh'; $2" ;;
    fish) run fish --no-config -c "source '$PROJECT/shell/init.fish'; $2" ;;
    esac
    printf '%s\n' "$status" "$output" | sed -E 's#[A-Za-z0-9+/=]{40,}#...#g'
}

ends_with() {
    [ "${output%"$1"}" != "$output" ] || [ -z "$1" ]
}

log_in() {
    cp -Rp "$SUITE/logged-in/." "$HOME"
}

# Print the secrets of the session in the home.
secrets() {
    sed -n 's/^aws_secret_access_key = //p; s/^aws_session_token = //p' "$HOME/.aws/credentials"
}

@test "bash, zsh and fish are installed" {
    [ "${SHELLS[*]}" = "bash zsh fish" ] || skip "not all of bash, zsh and fish are installed"
}

@test "configure writes the team's settings, and login gets a session for a code" {
    for shell in "${SHELLS[@]}"; do
        rm -r "$HOME" && cp -Rp "$SUITE/home" "$HOME"
        in_shell "$shell" '{{ cookiecutter.slug }}-configure && {{ cookiecutter.slug }}-login'
        [ "$status" -eq 0 ]
        grep -Fx 'region = {{ cookiecutter.region }}' "$HOME/.aws/config"
        grep -Fx 'mfakit_duration = {{ cookiecutter.duration }}' "$HOME/.aws/config"
        mfakit check --profile {{ cookiecutter.__profile }}
        in_shell "$shell" '{{ cookiecutter.slug }}-login'
        [ "$status" -eq 0 ]
        [[ $output = *"not due, and kept"* ]]
    done
}

@test "env puts the session into the shell, and --unset removes it" {
    log_in
    for shell in "${SHELLS[@]}"; do
        in_shell "$shell" '{{ cookiecutter.slug }}-env && printenv AWS_ACCESS_KEY_ID AWS_REGION'
        [ "$status" -eq 0 ]
        [[ $output = ASIA*{{ cookiecutter.region }} ]]
        in_shell "$shell" '{{ cookiecutter.slug }}-env && {{ cookiecutter.slug }}-env --unset && printenv AWS_ACCESS_KEY_ID AWS_REGION'
        [ "$status" -eq 1 ]
        [ -z "$output" ]
    done
}

@test "env leaves the environment as it was if it fails, and returns an error code" {
    for shell in "${SHELLS[@]}"; do
        for problem in '' --frobnicate --help '--unset --unset'; do
            AWS_PROFILE=mine in_shell "$shell" "{{ cookiecutter.slug }}-env $problem || printenv AWS_PROFILE"
            [ "$status" -eq 0 ]
            ends_with mine
        done
        in_shell "$shell" '{{ cookiecutter.slug }}-env 2>/dev/null'
        [ "$status" -eq 3 ]
    done
}

@test "env shows no key, even if the shell traces its commands" {
    log_in
    for shell in "${SHELLS[@]}"; do
        trace='set -xv'
        if [ "$shell" = fish ]; then trace='set fish_trace 1'; fi
        in_shell "$shell" "$trace
{{ cookiecutter.slug }}-env
echo told"
        [ "$status" -eq 0 ]
        [[ $output = *"echo told"* ]]
        while read -r secret; do
            [[ $output != *"$secret"* ]]
        done < <(secrets)
    done
}

@test "nothing of the session gets into the history" {
    log_in
    for shell in "${SHELLS[@]}"; do
        case $shell in
        bash) words=(bash --norc -i) load=". '$PROJECT/shell/init.bash'; HISTFILE=$HOME/history; set -o history" save='history -w' ;;
        zsh) words=(zsh -f -i) load=". '$PROJECT/shell/init.zsh'; HISTFILE=$HOME/history; SAVEHIST=100 HISTSIZE=100" save='fc -W' ;;
        fish) continue ;; # keeps none of what is not typed on a terminal
        esac
        printf '%s\n' "$load" '{{ cookiecutter.slug }}-env' "$save" exit |
            "${words[@]}" >/dev/null 2>&1
        grep -F '{{ cookiecutter.slug }}-env' "$HOME/history"
        run ! grep -F "$(secrets)" "$HOME/history"
        rm "$HOME/history"
    done
}

@test "exec runs a command unchanged with the session, and logs in first if needed" {
    for shell in "${SHELLS[@]}"; do
        rm -r "$HOME" && cp -Rp "$SUITE/home" "$HOME"
        in_shell "$shell" '{{ cookiecutter.slug }}-configure'
        [ "$status" -eq 0 ]
        in_shell "$shell" "{{ cookiecutter.slug }}-exec sh -c 'echo \"<\$1>\$AWS_ACCESS_KEY_ID\"; exit 7' sh 'a  \"b'"
        [ "$status" -eq 7 ]
        [[ $output = *'<a  "b>ASIA'* ]]
        in_shell "$shell" "{{ cookiecutter.slug }}-exec -- sh -c 'exit 7'"
        [ "$status" -eq 7 ]
    done
}

@test "zsh loads the functions even with arrays that begin at 0" {
    command -v zsh || skip "zsh is not installed"
    run zsh -f -c "setopt ksharrays; . '$PROJECT/shell/init.zsh'"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "the prompt shows the time that is left, and nothing if there is no session" {
    for shell in "${SHELLS[@]}"; do
        in_shell "$shell" '{{ cookiecutter.slug }}-prompt'
        [ "$status" -eq 0 ]
        [ -z "$output" ]
    done
    log_in
    for shell in "${SHELLS[@]}"; do
        in_shell "$shell" '{{ cookiecutter.slug }}-prompt'
        [ "$status" -eq 0 ]
        [[ $output = "{{ cookiecutter.__profile }} "*[0-9][hm]*" " ]]
    done
}

@test "a prompt can show the exit code of the last command after the time" {
    log_in
    for shell in "${SHELLS[@]}"; do
        in_shell "$shell" 'sh -c "exit 7"; {{ cookiecutter.slug }}-prompt >&2'
        [ "$status" -eq 7 ]
    done
}

@test "without mfakit the prompt shows nothing, and the other functions fail" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    for program in bash zsh fish sh printenv sed; do
        if command -v "$program"; then ln -s "$(command -v "$program")" "$BATS_TEST_TMPDIR/bin"; fi
    done
    for shell in "${SHELLS[@]}"; do
        PATH=$BATS_TEST_TMPDIR/bin in_shell "$shell" '{{ cookiecutter.slug }}-prompt'
        [ "$status" -eq 0 ]
        [ -z "$output" ]
        for function in login env exec; do
            PATH=$BATS_TEST_TMPDIR/bin in_shell "$shell" "{{ cookiecutter.slug }}-$function 2>/dev/null || echo failed"
            ends_with failed
        done
    done
}

@test "the functions work in a shell with set -eu" {
    log_in
    for shell in bash zsh; do
        if ! command -v "$shell"; then continue; fi
        in_shell "$shell" 'set -eu; {{ cookiecutter.slug }}-prompt; {{ cookiecutter.slug }}-env; {{ cookiecutter.slug }}-env --unset; echo told'
        [ "$status" -eq 0 ]
        ends_with told
    done
}

@test "bash completes options and profiles" {
    complete_in_bash() {
        in_shell bash "COMP_WORDS=($*); COMP_CWORD=$(($# - 1))
            _{{ cookiecutter.slug }}-complete \"\${COMP_WORDS[0]}\"; echo \"\${COMPREPLY[@]}\""
    }
    complete_in_bash {{ cookiecutter.slug }}-login --for
    [ "$output" = --force ]
    complete_in_bash {{ cookiecutter.slug }}-login --source-profile def
    [ "$output" = default ]
    in_shell bash 'complete -p {{ cookiecutter.slug }}-configure {{ cookiecutter.slug }}-env {{ cookiecutter.slug }}-exec'
    [ "$status" -eq 0 ]
}

@test "zsh completes options and profiles" {
    command -v zsh || skip "zsh is not installed"
    cat >"$HOME/.zshrc" <<'END'
autoload -U compinit && compinit -u -D
. "$PROJECT/shell/init.zsh"
tell() { print -r -- "$BUFFER" >>$HOME/told; zle kill-whole-line }
zle -N tell && bindkey '^X' tell
print ready
END
    cat >"$HOME/type.zsh" <<'END'
zmodload zsh/zpty
TERM=xterm zpty typist 'ZDOTDIR=$HOME zsh -i'
zpty -r typist seen '*ready*'
count=0
for line; do
    zpty -w -n typist "$line"$'\t\x18'
    (( count++ ))
    repeat 200; do
        [[ -e $HOME/told && $(wc -l <$HOME/told) -eq $count ]] && break
        zpty -r -t typist seen
        sleep 0.05
    done
done
cat $HOME/told
END
    PROJECT=$PROJECT run zsh -f "$HOME/type.zsh" '{{ cookiecutter.slug }}-login --for' '{{ cookiecutter.slug }}-login --source-profile d' \
        '{{ cookiecutter.slug }}-env --u' '{{ cookiecutter.slug }}-exec printen'
    echo "$output"
    [ "${lines[0]}" = '{{ cookiecutter.slug }}-login --force ' ]
    [ "${lines[1]}" = '{{ cookiecutter.slug }}-login --source-profile default ' ]
    [ "${lines[2]}" = '{{ cookiecutter.slug }}-env --unset ' ]
    [ "${lines[3]}" = '{{ cookiecutter.slug }}-exec printenv ' ]
}

@test "fish completes options and profiles" {
    command -v fish || skip "fish is not installed"
    for typed in 'login --for:--force' 'login --source-profile def:default' 'env --un:--unset' \
        'exec printen:printenv'; do
        in_shell fish "complete -C '{{ cookiecutter.slug }}-${typed%%:*}' | cut -f 1"
        [ "$output" = "${typed#*:}" ]
    done
}
