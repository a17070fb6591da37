#!/usr/bin/env bats
# install.py adds a line to the files that shells run when they start, and removes it again.

bats_require_minimum_version 1.5.0

setup() {
    PROJECT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export HOME=$BATS_TEST_TMPDIR/home SHELL=/bin/bash
    RC=$HOME/.bashrc
    mkdir -p "$HOME"
}

install() {
    "$PYTHON" "$PROJECT/install.py" "$@"
}

refuses() {
    if [ -f "$RC" ]; then cp -p "$RC" "$HOME/before"; fi
    run install
    echo "$output"
    [ "$status" -eq 1 ]
    [ "$(wc -l <<<"$output")" -eq 2 ]
    [[ $output = *"the line is: source '"* ]]
    [ ! -f "$RC" ] || cmp "$RC" "$HOME/before"
}

@test "a new shell has the functions" {
    ZDOTDIR=$HOME/z XDG_CONFIG_HOME=$HOME/x install bash zsh fish
    bash --rcfile "$RC" -ic 'declare -F {{ cookiecutter.slug }}-login'
    if command -v zsh; then ZDOTDIR=$HOME/z zsh -ic 'whence -w {{ cookiecutter.slug }}-login'; fi
    if command -v fish; then XDG_CONFIG_HOME=$HOME/x fish -c 'functions -q {{ cookiecutter.slug }}-login'; fi
}

@test "the functions load from a folder with special characters in its name" {
    strange="$HOME/it's \$(exit 3) \"a\\b\" ’ü"
    mkdir "$strange"
    cp -R "$PROJECT/shell" "$PROJECT/install.py" "$strange"
    "$PYTHON" "$strange/install.py" bash zsh fish
    bash --rcfile "$RC" -ic 'declare -F {{ cookiecutter.slug }}-login'
    if command -v zsh; then zsh -ic 'whence -w {{ cookiecutter.slug }}-login'; fi
    if command -v fish; then fish -c 'functions -q {{ cookiecutter.slug }}-login'; fi
}

@test "the file keeps its content, and removing the line restores it byte for byte" {
    # shellcheck disable=SC2016 # these are for printf
    for content in '' 'no end' 'end\n' '\n\n' 'a\r\n' '\0000\0377\n\0200' 'x=`y`' '\\\n\n'; do
        printf %b "$content" >"$HOME/before"
        cp "$HOME/before" "$RC"
        chmod 640 "$RC"
        install
        [ "$(stat -c %a "$RC" 2>/dev/null || stat -f %Lp "$RC")" = 640 ]
        cmp -n "$(wc -c <"$HOME/before")" "$RC" "$HOME/before"
        cp "$RC" "$HOME/once"
        install
        cmp "$RC" "$HOME/once"
        install --remove
        cmp "$RC" "$HOME/before"
        install --remove
        cmp "$RC" "$HOME/before"
    done
}

@test "the file keeps what was added after the line" {
    printf 'no end' >"$RC"
    install
    echo 'alias x=y' >>"$RC"
    install
    [ "$(tail -n 1 "$RC")" = 'alias x=y' ]
    install --remove
    [ "$(cat "$RC")" = $'no end\nalias x=y' ]
}

@test "installing from another folder updates the line" {
    install
    cp -R "$PROJECT" "$HOME/moved"
    "$PYTHON" "$HOME/moved/install.py"
    [ "$(grep -c init.bash "$RC")" -eq 1 ]
    grep -F "$HOME/moved/shell/init.bash" "$RC"
}

@test "a link stays a link" {
    mkdir "$HOME/dotfiles"
    echo '# mine' >"$HOME/dotfiles/bashrc"
    ln -s dotfiles/bashrc "$RC"
    install
    [ "$(readlink "$RC")" = dotfiles/bashrc ]
    grep init.bash "$HOME/dotfiles/bashrc"
    install --remove
    [ -L "$RC" ]
    [ "$(cat "$HOME/dotfiles/bashrc")" = '# mine' ]
}

@test "a file that cannot be edited is refused, and stays as it was" {
    mkdir "$RC"
    refuses
    rmdir "$RC"
    ln -s nowhere "$RC"
    refuses
    rm "$RC"
    printf 'one \\\n' >"$RC"
    refuses
    printf '\377\376a\000' >"$RC"
    refuses
    echo >"$RC"
    chmod 400 "$RC"
    refuses
    chmod 600 "$RC"
    ln "$RC" "$HOME/other-name"
    refuses
}

@test "PowerShell is asked where its profile is" {
    mkdir "$HOME/bin"
    # shellcheck disable=SC2016 # it is for the script
    printf '#!/bin/sh\necho "$HOME/profile.ps1"\n' >"$HOME/bin/pwsh"
    chmod 755 "$HOME/bin/pwsh"
    PATH=$HOME/bin:$PATH install powershell
    [ "$(cat "$HOME/profile.ps1")" = ". '$PROJECT/shell/init.ps1' # {{ cookiecutter.__folder }}" ]
}

@test "an unsupported shell is an error that lists the supported ones" {
    run install tcsh
    [ "$status" -eq 2 ]
    [[ $output = *"bash, zsh, fish, powershell"* ]]
    SHELL=/bin/tcsh run install
    [ "$status" -eq 2 ]
    [ ! -e "$RC" ]
}
